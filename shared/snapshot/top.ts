interface Winner {
  readonly figure: number;
  readonly page: number;
  /** Of the entry in the page. */
  readonly index: number;
}

/** The `size` entries of the highest figures, highest first; of equal ones the first that came. */
export class Top {
  readonly #size: number;
  readonly #list: Winner[] = [];
  #lowest = 0;

  constructor(size: number) {
    this.#size = size;
  }

  get list(): readonly Winner[] {
    return this.#list;
  }

  /** Whether `figure` is high enough by now: false for nearly all of millions. */
  takes(figure: number): boolean {
    return this.#list.length < this.#size || figure > this.#lowest;
  }

  add(figure: number, page: number, index: number): void {
    if (!this.takes(figure)) return;
    const place = this.#list.findIndex((each) => each.figure < figure);
    this.#list.splice(place === -1 ? this.#list.length : place, 0, { figure, page, index });
    if (this.#list.length > this.#size) this.#list.pop();
    this.#lowest = this.#list.at(-1)?.figure ?? 0;
  }
}
