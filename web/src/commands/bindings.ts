// Which keys each command has: its own, or those that this person chose for it instead.
import { COMMANDS, command, type CommandId } from "@/commands/commands";
import type { Settings } from "@/store/settings";

type Chosen = Settings["keys"];

/** The keys of a command, as commands write them. */
export function keysOf(chosen: Chosen, id: CommandId): readonly string[] {
  return chosen[id] ?? command(id).keys ?? [];
}

/** The command that some keys mean; undefined for none. */
export function commandFor(chosen: Chosen, keys: string): CommandId | undefined {
  return COMMANDS.find(({ id }) => keysOf(chosen, id).includes(keys))?.id;
}

/** These keys for a command, and for no other: whoever had them loses them. */
export function withKeys(chosen: Chosen, id: CommandId, keys: string): Chosen {
  const holder = commandFor(chosen, keys);
  const freed = holder === undefined || holder === id ? chosen : { ...chosen, [holder]: keysOf(chosen, holder).filter((one) => one !== keys) };
  return told({ ...freed, [id]: [keys] });
}

export function withoutKeys(chosen: Chosen, id: CommandId): Chosen {
  return told({ ...chosen, [id]: [] });
}

/** A command has its own keys again; whoever was given one of them loses it. */
export function withOwnKeys(chosen: Chosen, id: CommandId): Chosen {
  const { [id]: _gone, ...others } = chosen;
  const own = command(id).keys ?? [];
  return told(Object.fromEntries(Object.entries(others).map(([other, keys]) => [other, keys.filter((one) => !own.includes(one))])));
}

/** Without what says nothing: keys that a command has of itself. */
function told(chosen: Chosen): Chosen {
  const own = new Map<string, readonly string[]>(COMMANDS.map(({ id, keys }) => [id, keys ?? []]));
  return Object.fromEntries(Object.entries(chosen).filter(([id, keys]) => own.has(id) && own.get(id)!.join() !== keys.join()));
}
