import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { foldersToOpen, listing, moveAlong, moveLines, nameAt, stopOf, type Line, type ListingOptions } from "@/widgets/choice/listing";
import { recentIn, remember } from "@/widgets/choice/recent";
import { nearest } from "@/model/nearest";
import { match, search } from "@/widgets/choice/search";
import { inView, offsetsOf, scrollTo } from "@/model/virtual";

const NAMES = ["base.safetensors", "sd15/anime/toon-1.safetensors", "sd15/photo_real-v2.safetensors", "sdxl/photo.safetensors"];
const found = (query: string) => search(query, NAMES).map((one) => one.name);

describe("search", () => {
  it.each<[string, string[]]>([
    ["photo", ["sdxl/photo.safetensors", "sd15/photo_real-v2.safetensors"]],
    ["real", ["sd15/photo_real-v2.safetensors"]],
    ["sd15 photo", ["sd15/photo_real-v2.safetensors"]],
    ["photo sd15", ["sd15/photo_real-v2.safetensors"]],
    ["ANIME", ["sd15/anime/toon-1.safetensors"]],
    ["phreal", ["sd15/photo_real-v2.safetensors"]],
    ["zzz", []],
  ])("%s", (query, names) => expect(found(query)).toEqual(names));

  it("keeps the order of names that fit as well", () => expect(search("", NAMES).length).toBe(4));
  it("marks what it found", () => expect(match("photo v2", "sd15/photo_real-v2")?.ranges).toEqual([[5, 10], [16, 18]]));

  it("marks letters of the query only, in order and apart", () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), (query, name) => {
        let at = -1;
        for (const [from, to] of match(query, name)?.ranges ?? []) {
          expect(from).toBeGreaterThan(at);
          expect(to).toBeGreaterThan(from);
          at = to;
        }
      }),
    );
  });

  it("finds every name by any part of it", () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[a-z/_-]{3,20}$/), fc.nat(10), (name, from) => {
        expect(match(name.slice(from, from + 4), name)).not.toBeNull();
      }),
    );
  });
});

describe("the nearest name", () => {
  it.each<[string, string | null]>([
    ["other/photo.ckpt", "sdxl/photo.safetensors"],
    ["anime\\toon-1.safetensors", "sd15/anime/toon-1.safetensors"],
    ["photo_real_v1.safetensors", "sd15/photo_real-v2.safetensors"],
    ["Photo-Real-V2", "sd15/photo_real-v2.safetensors"],
    ["x9q.ckpt", null],
  ])("for %s is %s", (missing, expected) => expect(nearest(missing, NAMES)).toBe(expected));
});

const show = (lines: readonly Line[]): string[] =>
  lines.map((line) => {
    if (line.kind === "heading") return `# ${line.text}`;
    if (line.kind === "folder") return `${" ".repeat(line.depth)}${line.open ? "v" : ">"} ${line.name} ${line.count}`;
    if (line.kind === "pictures") return line.names.join(" | ");
    return `${" ".repeat(line.depth)}${line.shown}${line.folder ? ` (${line.folder})` : ""}`;
  });
const list = (options: Partial<ListingOptions> = {}) => listing({ names: NAMES, query: "", open: new Set(), recent: [], columns: 0, ...options });

describe("the list", () => {
  it("has folders first, with how much is in them", () => expect(show(list())).toEqual(["> sd15 2", "> sdxl 1", "base.safetensors"]));
  it("opens folders", () => expect(show(list({ open: new Set(["sd15"]) }))).toEqual(["v sd15 2", " > anime 1", " photo_real-v2.safetensors", "> sdxl 1", "base.safetensors"]));
  it("has no folders while something is searched for", () => expect(show(list({ query: "photo" }))).toEqual(["photo.safetensors (sdxl)", "photo_real-v2.safetensors (sd15)"]));
  it("begins with what was used lately, of a long list", () => {
    const names = Array.from({ length: 9 }, (_, index) => `m${index}`);
    expect(show(list({ names, recent: ["m7", "gone"] })).slice(0, 4)).toEqual(["# recent", "m7", "# all", "m0"]);
  });
  it("shows pictures side by side", () => expect(show(list({ names: ["a", "b", "c", "d/e"], columns: 2 }))).toEqual(["> d 1", "a | b", "c"]));
  it("opens a short list whole, a long one around the value", () => {
    const long = Array.from({ length: 100 }, (_, index) => `f${index % 10}/g/m${index}`);
    expect([...foldersToOpen(NAMES, undefined)].sort()).toEqual(["sd15", "sd15/anime", "sdxl"]);
    expect([...foldersToOpen(long, "f3/g/m3")]).toEqual(["f3", "f3/g"]);
  });
});

describe("the keyboard in the list", () => {
  const lines = list({ names: ["a", "b", "c", "d", "e", "x/y", "m1", "m2"], columns: 3, recent: ["d"], open: new Set(["x"]) });
  it("is made of", () => expect(show(lines)).toEqual(["# recent", "d", "# all", "v x 1", "y".replace("y", "x/y"), "a | b | c", "d | e | m1", "m2"]));
  it("skips headings", () => expect(moveLines(lines, { line: 1, column: 0 }, 1)).toEqual({ line: 3, column: 0 }));
  it("keeps to its column where it can", () => expect(moveLines(lines, { line: 5, column: 2 }, 2)).toEqual({ line: 7, column: 0 }));
  it("goes on at the end of a line", () => expect(nameAt(lines, moveAlong(lines, { line: 5, column: 2 }, 1))).toBe("d"));
  it("goes back at its start", () => expect(nameAt(lines, moveAlong(lines, { line: 6, column: 0 }, -1))).toBe("c"));
  it("stays at the ends", () => expect([moveLines(lines, { line: 1, column: 0 }, -1), moveLines(lines, { line: 7, column: 0 }, 5)]).toEqual([{ line: 1, column: 0 }, { line: 7, column: 0 }]));
  it("finds a value, first where it was used lately", () => expect([stopOf(lines, "d"), stopOf(lines, "e"), stopOf(lines, "z")]).toEqual([{ line: 1, column: 0 }, { line: 6, column: 1 }, null]));
});

describe("the lines in view", () => {
  const offsets = offsetsOf(Array.from({ length: 5000 }, (_, index) => (index % 10 === 0 ? 24 : 28)));
  it("are few of many", () => {
    const { from, to } = inView(offsets, 70_000, 340);
    expect(to - from).toBeLessThan(25);
    expect((offsets[from] ?? 0) < 70_000 && (offsets[to] ?? 0) > 70_340).toBe(true);
  });
  it("cover the view, wherever it is", () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 120 }), { minLength: 1, maxLength: 200 }), fc.nat(20_000), (heights, top) => {
        const some = offsetsOf(heights);
        const whole = some.at(-1) ?? 0;
        const place = Math.min(top, Math.max(0, whole - 100));
        const { from, to } = inView(some, place, 100, 0);
        expect(some[from]).toBeLessThanOrEqual(place);
        expect(some[to]).toBeGreaterThanOrEqual(Math.min(whole, place + 100));
      }),
    );
  });
  it("scroll only as far as they must", () => expect([scrollTo(offsets, 0, 100, 340), scrollTo(offsets, 5, 0, 340), scrollTo(offsets, 20, 0, 340)]).toEqual([0, 0, (offsets[21] ?? 0) - 340]));
});

describe("what was used lately", () => {
  const storage = () => {
    const kept = new Map<string, string>();
    return { getItem: (name: string) => kept.get(name) ?? null, setItem: (name: string, value: string) => void kept.set(name, value) };
  };
  it("is by folder, the last first, each once", () => {
    const kept = storage();
    for (const name of ["a", "b", "a"]) remember("loras", name, kept);
    expect([recentIn("loras", kept), recentIn("vae", kept)]).toEqual([["a", "b"], []]);
  });
  it.each(["{", "null", "[1, 2]"])("survives %s", (text) => expect(recentIn("vae", { getItem: () => text, setItem: () => undefined })).toEqual([]));
  it("goes without a storage that is full", () => {
    const full = {
      getItem: () => null,
      setItem: () => {
        throw new Error("full");
      },
    };
    expect(() => remember("vae", "a", full)).not.toThrow();
  });
});
