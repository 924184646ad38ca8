// How what is pasted is meant. Browsers tell a page what is pasted, not by which keys: where the page may not look into the clipboard
// itself, the keys of pasting with links are left to the browser, and what it then tells of is taken so.

/** Browsers paste at once; keys that they paste nothing by are answered by nothing. */
const ANSWER_MS = 300;

export class Pasting {
  private waiting: number | undefined;

  /** The keys of pasting with links are the browser's now. `unanswered` is called where it pastes nothing by them. */
  expectLinks(unanswered: () => void): void {
    window.clearTimeout(this.waiting);
    this.waiting = window.setTimeout(() => {
      this.waiting = undefined;
      unanswered();
    }, ANSWER_MS);
  }

  /** Whether what is pasted now keeps its links. */
  takeLinks(): boolean {
    const expected = this.waiting !== undefined;
    window.clearTimeout(this.waiting);
    this.waiting = undefined;
    return expected;
  }
}
