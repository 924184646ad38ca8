// @vitest-environment jsdom
// Keeping what is open: through reloads, crashes and full disks, beside other windows, and what was closed.
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { addNote } from "@/model/edit";
import { Documents } from "@/store/documents";
import { Keeping } from "@/store/keeping";
import { jobsIn, type Kept, type Revision, type Shelf } from "@/store/shelf";
import type { Windows } from "@/store/windows";
import { documentOf } from "./documents";

/** A browser: its windows share a shelf and know of each other. */
class Browser implements Shelf {
  readonly kept = new Map<string, Kept>();
  readonly alive = new Set<string>();
  /** The jobs of each document. */
  readonly jobs = new Map<string, readonly string[]>();
  full = false;

  write(revision: Revision): Promise<void> {
    return this.revise(() => revision);
  }

  async revise(decide: (all: readonly Kept[]) => Revision): Promise<void> {
    await Promise.resolve();
    const { put, drop } = decide([...this.kept.values()]);
    if (this.full) throw new Error("the disk is full");
    for (const uid of drop) this.kept.delete(uid);
    for (const one of put) this.kept.set(one.uid, structuredClone(one));
  }

  async open(name: string): Promise<Window> {
    const windows: Windows = { own: async () => (this.alive.add(name), name), alone: (work) => work((one) => this.alive.has(one)) };
    const documents = new Documents();
    const faults: unknown[] = [];
    const keeping = new Keeping(documents, (uid) => this.jobs.get(uid) ?? [], (error) => faults.push(error), this, windows);
    const restored = await keeping.start();
    return { documents, keeping, faults, restored, crash: () => (keeping.end(), void this.alive.delete(name)) };
  }
}

interface Window {
  documents: Documents;
  keeping: Keeping;
  faults: unknown[];
  restored: Kept[];
  crash: () => void;
}

const named = (name: string) => documentOf({}, { name });
const edit = ({ documents }: Window, description: string) => documents.edit(documents.active!.uid, "Edit", (document) => ({ ...document, description }));
const namesIn = ({ documents }: Window) => documents.store.getState().order.map((uid) => documents.get(uid)!.document.name);
const later = () => vi.advanceTimersByTimeAsync(1000);
const tillRetry = () => vi.advanceTimersByTimeAsync(11_000);

let browser: Browser;
beforeEach(() => {
  vi.useFakeTimers();
  browser = new Browser();
});
afterEach(() => {
  vi.useRealTimers();
});

describe("a window", () => {
  test("has after a reload what it had: documents, order, the one that is shown, what is in the file, what is remarked on it", async () => {
    const before = await browser.open("one");
    const report = { source: "theirs.json", problems: [{ code: "any", message: "something" }] };
    const first = before.documents.open(named("A"), { file: { name: "a", version: "1" }, report });
    edit(before, "changed");
    before.documents.open(named("B"));
    before.documents.activate(first);
    await later();
    before.crash();
    const after = await browser.open("one");
    expect([namesIn(after), after.documents.active?.uid]).toEqual([["A", "B"], first]);
    expect(after.documents.active).toMatchObject({ file: { name: "a", version: "1" }, report, saved: named("A"), document: { description: "changed" } });
  });

  test("has the jobs that had not ended and the last; also of what an earlier editor kept, which knew of the last alone", async () => {
    const before = await browser.open("one");
    const uid = before.documents.open(named("A"));
    browser.jobs.set(uid, ["a", "b", "c"]);
    await later();
    browser.jobs.set(uid, ["b", "c"]);
    before.keeping.soon();
    await later();
    before.crash();
    expect((await browser.open("one")).restored.map(jobsIn)).toEqual([["b", "c"]]);
    const { unfinished: _unknown, ...earlier } = browser.kept.get(uid)!;
    browser.kept.set(uid, earlier);
    expect((await browser.open("one")).restored.map(jobsIn)).toEqual([["c"]]);
  });

  test("that was ended and started again keeps on, and opens nothing twice", async () => {
    const one = await browser.open("one");
    one.documents.open(named("A"));
    await later();
    one.crash();
    const documents = new Documents();
    const keeping = new Keeping(documents, () => [], () => undefined, browser, { own: async () => "one", alone: (work) => work(() => true) });
    const first = keeping.start();
    keeping.end();
    const second = keeping.start();
    expect([(await first).length, (await second).length]).toEqual([0, 1]);
    documents.open(named("B"));
    await later();
    expect([...browser.kept.values()].map((kept) => kept.document.name)).toEqual(["A", "B"]);
  });
});

describe("windows beside each other", () => {
  test("leave each other's documents alone", async () => {
    const one = await browser.open("one");
    one.documents.open(named("A"));
    await later();
    expect(namesIn(await browser.open("two"))).toEqual([]);
  });

  test("take up what one left behind that is gone: one of them does", async () => {
    const gone = await browser.open("gone");
    gone.documents.open(named("A"));
    await later();
    gone.crash();
    const [one, two] = await Promise.all([browser.open("one"), browser.open("two")]);
    expect([namesIn(one), namesIn(two)]).toEqual([["A"], []]);
  });

  test("that start together never have one document both, and closing in one takes nothing from the other", async () => {
    const before = await browser.open("one");
    before.documents.open(named("A"));
    await later();
    before.crash();
    // The other takes the first for dead, while it only reloads and has not said a word yet.
    const [other, one] = await Promise.all([browser.open("two"), browser.open("one")]);
    const both = [...namesIn(one), ...namesIn(other)];
    expect(both).toEqual(["A"]);
    const [holder, empty] = namesIn(one).length > 0 ? [one, other] : [other, one];
    empty.documents.open(named("B"));
    empty.documents.close(empty.documents.active!.uid);
    await later();
    holder.crash();
    expect([...browser.kept.values()].map((kept) => kept.document.name)).toEqual(["A"]);
  });

  test("one that only seemed dead goes on with a record of its own", async () => {
    const sleeper = await browser.open("sleeper");
    sleeper.documents.open(named("A"));
    await later();
    browser.alive.delete("sleeper");
    const heir = await browser.open("heir");
    edit(sleeper, "the sleeper's");
    edit(heir, "the heir's");
    await later();
    expect([...browser.kept.values()].map((kept) => kept.document.description).sort()).toEqual(["the heir's", "the sleeper's"]);
  });
});

describe("where nothing can be written", () => {
  test("what was not kept is tried again, and kept once there is room", async () => {
    const one = await browser.open("one");
    browser.full = true;
    one.documents.open(named("A"));
    await later();
    expect(one.faults).toHaveLength(1);
    browser.full = false;
    await tillRetry();
    expect([...browser.kept.values()].map((kept) => kept.document.name)).toEqual(["A"]);
  });

  test("it is told once for as long as it lasts, and again when it comes back", async () => {
    const one = await browser.open("one");
    one.documents.open(named("A"));
    browser.full = true;
    await tillRetry();
    await tillRetry();
    expect(one.faults).toHaveLength(1);
    browser.full = false;
    await tillRetry();
    browser.full = true;
    edit(one, "changed");
    await later();
    expect(one.faults).toHaveLength(2);
  });

  test("a document that was closed meanwhile does not come back open", async () => {
    const one = await browser.open("one");
    one.documents.open(named("A"));
    await later();
    browser.full = true;
    one.documents.close(one.documents.active!.uid);
    await later();
    browser.full = false;
    await tillRetry();
    one.crash();
    expect(namesIn(await browser.open("one"))).toEqual([]);
  });
});

describe("what was closed", () => {
  const withNote = () => ({ ...documentOf({}), ...addNote(documentOf({}), { text: "thoughts", pos: [0, 0], size: [9, 9] }).graph });

  test.each([
    ["an edited document", named("A"), true],
    ["a document of notes alone", withNote(), true],
    ["nodes that were not edited", documentOf({ a: { type: "VAEDecode" } }), false],
  ])("%s is opened again as it was left, after a crash too", async (_, document, unsaved) => {
    const one = await browser.open("one");
    const uid = one.documents.open(named("empty"));
    one.documents.edit(uid, "Edit", () => document);
    if (!unsaved) one.documents.markSaved(uid, document, { name: "a" });
    one.documents.close(uid);
    await later();
    one.crash();
    const two = await browser.open("two");
    expect(namesIn(two)).toEqual([]);
    expect(await two.keeping.reopen()).not.toBeNull();
    expect(two.documents.active!.document).toEqual(document);
    expect(two.documents.active!.document !== two.documents.active!.saved).toBe(unsaved);
  });

  test("comes back in the order of closing, each once, and closed a moment ago as well", async () => {
    const one = await browser.open("one");
    for (const name of ["A", "B"]) {
      one.documents.open(documentOf({ a: { type: "VAEDecode" } }, { name }));
      await later();
    }
    for (const uid of one.documents.store.getState().order) {
      one.documents.close(uid);
      await vi.advanceTimersByTimeAsync(10);
    }
    for (const name of ["B", "A", undefined]) expect((await one.keeping.reopen())?.document.name).toBe(name);
    await later();
    one.crash();
    expect(namesIn(await browser.open("one")).sort()).toEqual(["A", "B"]);
  });

  test("and was empty all the time is not kept", async () => {
    const one = await browser.open("one");
    one.documents.close(one.documents.open());
    await later();
    expect(browser.kept.size).toBe(0);
  });

  test("is kept for the last fifty", async () => {
    const one = await browser.open("one");
    for (let count = 0; count < 55; count++) {
      one.documents.close(one.documents.open(documentOf({ a: { type: "VAEDecode" } }, { name: String(count) })));
      await later();
    }
    await browser.open("two");
    expect([browser.kept.size, [...browser.kept.values()].some((kept) => kept.document.name === "4")]).toEqual([50, false]);
  });
});
