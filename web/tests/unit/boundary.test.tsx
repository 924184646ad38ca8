// @vitest-environment jsdom
// What cannot be drawn ends at its boundary: the rest of the page and the document stay, and one can go on.
import { act } from "react";
import { createRoot, type Root } from "react-dom/client";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { de } from "@/i18n/de";
import { MessagesContext } from "@/i18n/messages";
import { onDemand } from "@/panels/onDemand";
import { Boundary } from "@/shell/Boundary";
import { Editor, EditorContext, useActive, useEditor } from "@/store/editor";
import { documentOf } from "./documents";
import { fakeService } from "./service";

/** What is wrong with what the panel shows, while it is wrong. */
let fault: string | null;
let editor: Editor;
let root: Root;
let caught: unknown[];

function Panel() {
  if (fault !== null) throw new Error(fault);
  return <p>the panel</p>;
}

/** The rest of the page: it shows the document, and edits it. */
function Canvas() {
  const { documents } = useEditor();
  const description = useActive((one) => one?.document.description ?? "");
  return (
    <button type="button" id="canvas" onClick={() => documents.edit(documents.active!.uid, "Edit", (document) => ({ ...document, description: `${description}!` }))}>
      {description}
    </button>
  );
}

const draw = (of: string) =>
  act(() =>
    root.render(
      <EditorContext value={editor}>
        <MessagesContext value={de}>
          <Boundary of={of}>
            <Panel />
          </Boundary>
          <Canvas />
        </MessagesContext>
      </EditorContext>,
    ),
  );
const alert = () => document.querySelector("[role=alert]");
const press = (button: Element | null) => act(() => (button as HTMLButtonElement).click());

beforeEach(async () => {
  vi.stubGlobal("IS_REACT_ACT_ENVIRONMENT", true);
  fakeService();
  fault = "no such table";
  editor = new Editor();
  editor.documents.open(documentOf({}, { description: "mine" }));
  document.body.innerHTML = "<main></main>";
  caught = [];
  root = createRoot(document.querySelector("main")!, { onCaughtError: (error) => caught.push(error) });
  await draw("queue");
});
afterEach(async () => {
  await act(() => root.unmount());
  vi.unstubAllGlobals();
});

test("a panel that throws is a message in its place, in the language that is spoken; the rest stays, with the document", async () => {
  expect(alert()!.textContent).toContain("Das lässt sich nicht zeigen: no such table");
  expect(document.body.textContent).toContain("mine");
  await press(document.querySelector("#canvas"));
  expect(editor.documents.active!.document.description).toBe("mine!");
  expect(document.querySelector("#canvas")!.textContent).toBe("mine!");
  expect(alert()).not.toBeNull();
  expect(caught).toHaveLength(1);
});

test("it is tried again when one asks, and drawn once it can be", async () => {
  await press(alert()!.querySelector("button"));
  expect(alert()!.textContent).toContain("no such table");
  fault = null;
  await press(alert()!.querySelector("button"));
  expect(alert()).toBeNull();
  expect(document.body.textContent).toContain("the panel");
});

test("what opens over the page can be closed when it cannot be drawn", async () => {
  expect([...alert()!.querySelectorAll("button")].map((button) => button.textContent)).toEqual(["Noch einmal versuchen"]);
  const onClose = vi.fn();
  await act(() =>
    root.render(
      <Boundary of="settings" onClose={onClose}>
        <Panel />
      </Boundary>,
    ),
  );
  await press(alert()!.querySelectorAll("button")[1]!);
  expect(onClose).toHaveBeenCalledOnce();
});

test("what is shown in its place is tried without being asked", async () => {
  fault = null;
  await draw("queue");
  expect(alert()).not.toBeNull();
  await draw("models");
  expect(alert()).toBeNull();
  expect(editor.documents.active!.document.description).toBe("mine");
});

test("a window whose script cannot be fetched is fetched anew when one tries again", async () => {
  const fetched = vi.fn(() => (fetched.mock.calls.length < 3 ? Promise.reject(new Error("no answer")) : Promise.resolve({ default: () => <p>the window</p> })));
  const Window = onDemand(fetched, <p>it comes</p>);
  const open = () =>
    act(async () =>
      root.render(
        <MessagesContext value={de}>
          <Boundary of="settings">
            <Window />
          </Boundary>
        </MessagesContext>,
      ),
    );
  await open();
  await press(alert()!.querySelector("button"));
  expect(alert()!.textContent).toContain("no answer");
  await press(alert()!.querySelector("button"));
  expect(alert()).toBeNull();
  expect(document.body.textContent).toBe("the window");
  await act(() => root.render(<p />));
  await open();
  expect(fetched).toHaveBeenCalledTimes(3); // once it is there it stays
});
