// Work that takes turns: of what has the same name, one at a time and in the order in which it was asked for.

export class Turns {
  private readonly last = new Map<string, Promise<unknown>>();

  /** Do this after what was asked for before under that name, however that ended. */
  take<T>(name: string, work: () => Promise<T>): Promise<T> {
    const turn = (this.last.get(name) ?? Promise.resolve()).then(work, work);
    this.last.set(name, turn);
    const left = () => this.last.get(name) === turn && this.last.delete(name);
    void turn.then(left, left);
    return turn;
  }
}
