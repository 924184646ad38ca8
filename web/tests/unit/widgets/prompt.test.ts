import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { alternativesIn } from "@/widgets/prompt/alternatives";
import { knows, offersFor, type Known } from "@/widgets/prompt/completion";
import { marksOf, read } from "@/widgets/prompt/grammar";
import { reweigh } from "@/widgets/prompt/weight";

const plain = (text: string) => text.replace(/\\([()])/g, "$1");
const pieces = (text: string) => read(text).pieces.map(({ from, to, weight }) => [plain(text.slice(from, to)), Math.round(weight * 1e6) / 1e6]);

describe("how a prompt reads", () => {
  // What the service's `parse_emphasis` says of the same texts.
  it.each<[string, [string, number][]]>([
    ["", []],
    ["a fox", [["a fox", 1.0]]],
    ["a (red) fox", [["a ", 1.0], ["red", 1.1], [" fox", 1.0]]],
    ["a (red:1.3) fox", [["a ", 1.0], ["red", 1.3], [" fox", 1.0]]],
    ["((deep)) snow", [["deep", 1.21], [" snow", 1.0]]],
    ["(a (b:0.5) c:2)", [["a ", 2.0], ["b", 0.5], [" c", 2.0]]],
    ["(a:b:1.2)", [["a:b", 1.2]]],
    ["(a: 1.5 )", [["a", 1.5]]],
    ["(a:1e1)", [["a", 10.0]]],
    ["(a:x)", [["a:x", 1.1]]],
    ["(:1.2)", [[":1.2", 1.1]]],
    ["(a:)", [["a:", 1.1]]],
    ["(a:inf)", [["a:inf", 1.1]]],
    ["\\(a\\)", [["(a)", 1.0]]],
    ["(a\\)", [["(a)", 1.0]]],
    ["(a\\):1.2)", [["a)", 1.2]]],
    ["a) (b)", [["a) (b)", 1.0]]],
    ["a) (b) (c)", [["a) (b) (c)", 1.0]]],
    ["(a", [["(a", 1.0]]],
    ["((a)", [["(a", 1.1]]],
    ["(a))", [["a", 1.1], [")", 1.0]]],
    ["()", []],
    ["(())", []],
    ["a (b) c (d:0.2)", [["a ", 1.0], ["b", 1.1], [" c ", 1.0], ["d", 0.2]]],
    ["(a\nb:1.1)", [["a\nb", 1.1]]],
    ["(a:.5)", [["a", 0.5]]],
    ["(a:5.)", [["a", 5.0]]],
    ["(a:-1)", [["a", -1.0]]],
    ["((a:1.2):1.5)", [["a", 1.2]]],
    ["(a (b) c)", [["a ", 1.1], ["b", 1.21], [" c", 1.1]]],
    ["x(y)z", [["x", 1.0], ["y", 1.1], ["z", 1.0]]],
  ])("%j", (text, expected) => expect(pieces(text)).toEqual(expected));

  const prompt = fc.string({ unit: fc.constantFrom("(", ")", "\\", ":", "1", ".", "a", " ", "\n"), maxLength: 60 });

  it("covers every letter once, in groups that nest", () => {
    fc.assert(
      fc.property(prompt, (text) => {
        const { pieces: found, groups } = read(text);
        const covered = [...found, ...groups.flatMap(({ from, to, innerFrom, innerTo }) => [{ from, to: innerFrom }, { from: innerTo, to }])].sort((a, b) => a.from - b.from || a.to - b.to);
        let at = 0;
        for (const { from, to } of covered) {
          expect(from).toBe(at);
          at = to;
        }
        expect(at).toBe(text.length);
      }),
    );
  });

  it("is quick for any nesting", () => expect(read("(".repeat(20_000) + ")".repeat(20_000)).groups.length).toBe(64));

  it("marks in order, without overlap", () => {
    fc.assert(
      fc.property(prompt, (text) => {
        let at = 0;
        for (const { from, to } of marksOf(text, () => true)) {
          expect(from).toBeGreaterThanOrEqual(at);
          expect(to).toBeGreaterThan(from);
          at = to;
        }
      }),
    );
  });
});

describe("marks", () => {
  const shown = (text: string) => marksOf(text, (name) => name === "easy").map(({ from, to, kinds }) => `${text.slice(from, to)} ${kinds.join("+")}`);
  it.each<[string, string[]]>([
    ["a (b:1.3) c", ["( syntax", "b up2", ":1.3) syntax"]],
    ["(b:0.4)", ["( syntax", "b down2", ":0.4) syntax"]],
    ["embedding:easy, embedding:gone", ["embedding:easy embedding", "embedding:gone unknown"]],
    ["(embedding:easy:1.2)", ["( syntax", "embedding:easy up2+embedding", ":1.2) syntax"]],
    ["open ( here", ["( stray"]],
    ["\\(plain\\)", []],
    ["x".repeat(30_000) + "(a)", []],
  ])("%.30j", (text, expected) => expect(shown(text)).toEqual(expected));
});

/** `|` is the caret, `[…]` what is selected. */
function weighed(marked: string, by: number): string | null {
  const from = marked.search(/[|[]/);
  const text = marked.replace(/[|[\]]/g, "");
  const to = marked.includes("[") ? marked.indexOf("]") - 1 : from;
  const edit = reweigh(text, from, to, by);
  if (!edit) return null;
  const made = text.slice(0, edit.from) + edit.insert + text.slice(edit.to);
  return `${made.slice(0, edit.select[0])}[${made.slice(...edit.select)}]${made.slice(edit.select[1])}`;
}

describe("words that are left open", () => {
  it.each<[string, string]>([
    ["a {red|blue} fox", "  {   |    }    "],
    ["{a|{b|c}}", "{ |{ | }}"],
    ["{a {b} c|d}", "{       | }"],
    ["{a}", "   "],
    ["a|b", "   "],
    ["{a|b", "    "],
    ["{a|b\\}c}", "{ |    }"],
    ["\\{a|b\\}", "       "],
  ])("in %s", (text, signs) => {
    const found = new Set(alternativesIn(text));
    expect([...text].map((letter, at) => (found.has(at) ? letter : " ")).join("")).toBe(signs);
  });
});

describe("weights by keys", () => {
  it.each<[string, number, string | null]>([
    ["a re|d fox", 0.05, "a ([red]:1.05) fox"],
    ["a [red fox] here", 0.05, "a ([red fox]:1.05) here"],
    ["a [ red ] fox", 0.05, "a  ([red]:1.05)  fox"],
    ["a ([red]:1.05) fox", 0.05, "a ([red]:1.1) fox"],
    ["a ([red]:1.05) fox", -0.05, "a [red] fox"],
    ["a [(red:1.2)] fox", -0.05, "a ([red]:1.15) fox"],
    ["a (re|d) fox", 0.05, "a ([red]:1.15) fox"],
    ["(a (re|d:0.5) fox)", 0.05, "(a ([red]:0.55) fox)"],
    ["([a] b:0.02)", -0.05, "(([a]:0.95) b:0.02)"],
    ["([a b]:0.02)", -0.05, "([a b]:0)"],
    ["red|, fox", -0.05, "([red]:0.95), fox"],
    ["embedding:ea|sy", 0.05, "([embedding:easy]:1.05)"],
    ["a [(b] c)", 0.05, null],
    ["a | b", 0.05, null],
    ["|", 0.05, null],
  ])("%s by %d: %s", (before, by, after) => expect(weighed(before, by)).toBe(after));

  it("one up and one down is nothing", () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[a-z]{1,8}( [a-z]{1,8}){0,4}$/), (text) => {
        const up = reweigh(text, 0, text.length, 0.05)!;
        const down = reweigh(up.insert, ...up.select, -0.05)!;
        expect(up.insert.slice(0, down.from) + down.insert + up.insert.slice(down.to)).toBe(text);
      }),
    );
  });
});

describe("completion", () => {
  const known: Known = { embeddings: ["easynegative.safetensors", "bad hands.pt", "styles/glow (soft).pt"], loras: ["ink.safetensors", "styles/film.safetensors"], suffixes: [".safetensors", ".pt"] };
  const offered = (before: string, asked = false) => {
    const found = offersFor(before, known, asked);
    return found && [before.slice(found.from), ...found.offers.map((one) => `${one.kind} ${one.label} -> ${one.insert}`)];
  };
  it.each<[string, boolean, string[] | null]>([
    ["a fox, embedding:", false, ["embedding:", "embedding easynegative -> embedding:easynegative"]],
    ["a fox, embedding:ea", false, ["embedding:ea", "embedding easynegative -> embedding:easynegative"]],
    ["a fox, <ea", false, ["<ea", "embedding easynegative -> embedding:easynegative"]],
    ["a fox, <lora:fi", false, ["<lora:fi", "LoRA styles/film -> "]],
    ["a fox", false, null],
    ["a ink", true, ["ink", "LoRA ink -> "]],
    ["embedding:zzz", false, null],
  ])("%s", (before, asked, expected) => expect(offered(before, asked)).toEqual(expected));

  it("names a file with parentheses as the service reads it", () => expect(offersFor("embedding:x", { ...known, embeddings: ["x(1).pt"] }, false)?.offers[0]?.insert).toBe("embedding:x\\(1\\)"));
  it("knows embeddings with and without their suffix, and does not judge before it knows any", () => {
    const isKnown = knows(known);
    expect(["easynegative", "easynegative.safetensors", "gone"].map(isKnown)).toEqual([true, true, false]);
    expect(knows({ ...known, embeddings: [] })("gone")).toBe(true);
  });
});
