// The menu of the bar: what is wanted most often, and every command in its group. What has only keys elsewhere is in reach of
// pointers and fingers here.
import { COMMANDS, type Command, type CommandId } from "@/commands/commands";
import { item } from "@/commands/menus";
import type { Editor } from "@/store/editor";
import type { MenuItem } from "@/store/view";

const FILES: readonly CommandId[] = ["new", "templates", "open", "save", "save-as"];
const GROUPS: readonly Command["group"][] = ["File", "Edit", "Nodes", "Arrange", "View", "Run", "Help"];

export function mainMenu(editor: Editor): MenuItem[] {
  const all = (ids: readonly CommandId[]) => ids.map((id) => item(editor, id));
  const groups = GROUPS.map((group) => ({ label: editor.t.commandGroups[group], items: all(COMMANDS.flatMap((one) => (one.group === group ? [one.id] : []))) }));
  return [...all(FILES), "line", ...all(["undo", "redo"]), "line", ...groups, "line", ...all(["commands", "settings"])];
}
