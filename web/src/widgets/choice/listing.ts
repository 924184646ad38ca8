// What a list of names looks like: folders that open and close, pictures side by side, what was used lately, what was found. Pure:
// the list only draws the lines that are in view.
import { search, type Match } from "@/widgets/choice/search";

export type Line =
  | { kind: "heading"; text: "recent" | "all" }
  | { kind: "folder"; path: string; name: string; depth: number; count: number; open: boolean }
  | { kind: "name"; name: string; depth: number; shown: string; folder: string; ranges: Match["ranges"] }
  | { kind: "pictures"; names: readonly string[] };

export interface ListingOptions {
  names: readonly string[];
  query: string;
  /** Folders that are open. */
  open: ReadonlySet<string>;
  recent: readonly string[];
  /** So many pictures side by side; 0 for a list of names. */
  columns: number;
}

export function listing({ names, query, open, recent, columns }: ListingOptions): Line[] {
  if (query.trim()) {
    const found = search(query, names);
    return columns > 0 ? pictures(found.map((one) => one.name), columns) : found.map(({ name, ranges }) => nameLine(name, 0, ranges, true));
  }
  const known = recent.length > 0 ? new Set(names) : null;
  const lately = recent.filter((name) => known?.has(name));
  const all = columns > 0 ? pictureTree(names, open, columns) : folderLines(treeOf(names), 0, open);
  if (lately.length === 0 || names.length < 8) return all;
  const top: Line[] = columns > 0 ? pictures(lately.slice(0, columns), columns) : lately.slice(0, 4).map((name) => nameLine(name, 0, [], true));
  return [{ kind: "heading", text: "recent" }, ...top, { kind: "heading", text: "all" }, ...all];
}

/** The folders to begin with open: all of a short list, else those around the value. */
export function foldersToOpen(names: readonly string[], value: string | undefined): Set<string> {
  const open = new Set<string>();
  const around = names.length <= 60 ? names : value === undefined ? [] : [value];
  for (const name of around) for (const path of foldersOf(name)) open.add(path);
  return open;
}

function foldersOf(name: string): string[] {
  const parts = name.split("/").slice(0, -1);
  return parts.map((_, index) => parts.slice(0, index + 1).join("/"));
}

interface Folder {
  path: string;
  name: string;
  folders: Map<string, Folder>;
  names: string[];
  count: number;
}

function treeOf(names: readonly string[]): Folder {
  const root: Folder = { path: "", name: "", folders: new Map(), names: [], count: 0 };
  for (const name of names) {
    let folder = root;
    folder.count += 1;
    for (const path of foldersOf(name)) {
      const part = path.slice(path.lastIndexOf("/") + 1);
      const inner: Folder = folder.folders.get(part) ?? { path, name: part, folders: new Map(), names: [], count: 0 };
      folder.folders.set(part, inner);
      folder = inner;
      folder.count += 1;
    }
    folder.names.push(name);
  }
  return root;
}

function folderLines(folder: Folder, depth: number, open: ReadonlySet<string>): Line[] {
  const lines: Line[] = [];
  for (const inner of folder.folders.values()) {
    const isOpen = open.has(inner.path);
    lines.push({ kind: "folder", path: inner.path, name: inner.name, depth, count: inner.count, open: isOpen });
    if (isOpen) lines.push(...folderLines(inner, depth + 1, open));
  }
  for (const name of folder.names) lines.push(nameLine(name, depth, [], false));
  return lines;
}

function pictureTree(names: readonly string[], open: ReadonlySet<string>, columns: number): Line[] {
  const inFolder = (folder: Folder, depth: number): Line[] => {
    const lines: Line[] = [];
    for (const inner of folder.folders.values()) {
      const isOpen = open.has(inner.path);
      lines.push({ kind: "folder", path: inner.path, name: inner.name, depth, count: inner.count, open: isOpen });
      if (isOpen) lines.push(...inFolder(inner, depth + 1));
    }
    return [...lines, ...pictures(folder.names, columns)];
  };
  return inFolder(treeOf(names), 0);
}

function pictures(names: readonly string[], columns: number): Line[] {
  const lines: Line[] = [];
  for (let at = 0; at < names.length; at += columns) lines.push({ kind: "pictures", names: names.slice(at, at + columns) });
  return lines;
}

function nameLine(name: string, depth: number, ranges: Match["ranges"], whole: boolean): Line {
  const slash = name.lastIndexOf("/");
  return { kind: "name", name, depth, shown: name.slice(slash + 1), folder: whole ? name.slice(0, Math.max(slash, 0)) : "", ranges };
}

/** A place in the list that the keyboard can be at. */
export interface Stop {
  line: number;
  column: number;
}

/** How many stops a line has. */
export function stopsOf(line: Line | undefined): number {
  if (!line || line.kind === "heading") return 0;
  return line.kind === "pictures" ? line.names.length : 1;
}

export function nameAt(lines: readonly Line[], stop: Stop | null): string | null {
  const line = stop ? lines[stop.line] : undefined;
  if (line?.kind === "name") return line.name;
  return line?.kind === "pictures" ? (line.names[stop?.column ?? 0] ?? null) : null;
}

/** The stop so many lines on, or the last there is. */
export function moveLines(lines: readonly Line[], from: Stop | null, by: number): Stop | null {
  let line = from?.line ?? (by > 0 ? -1 : lines.length);
  let reached: Stop | null = from;
  for (let left = Math.abs(by); left > 0; ) {
    line += Math.sign(by);
    if (line < 0 || line >= lines.length) break;
    const stops = stopsOf(lines[line]);
    if (stops === 0) continue;
    reached = { line, column: Math.min(from?.column ?? 0, stops - 1) };
    left -= 1;
  }
  return reached;
}

/** The next or the previous stop, over the ends of lines. */
export function moveAlong(lines: readonly Line[], from: Stop | null, by: 1 | -1): Stop | null {
  if (!from) return moveLines(lines, null, by);
  const column = from.column + by;
  if (column >= 0 && column < stopsOf(lines[from.line])) return { line: from.line, column };
  const next = moveLines(lines, { ...from, column: 0 }, by);
  if (!next || next.line === from.line) return from;
  return { line: next.line, column: by > 0 ? 0 : stopsOf(lines[next.line]) - 1 };
}

/** Where a name is first, as long as it is shown at all. */
export function stopOf(lines: readonly Line[], name: string | undefined): Stop | null {
  if (name === undefined) return null;
  for (const [index, line] of lines.entries()) {
    if (line.kind === "name" && line.name === name) return { line: index, column: 0 };
    if (line.kind === "pictures" && line.names.includes(name)) return { line: index, column: line.names.indexOf(name) };
  }
  return null;
}
