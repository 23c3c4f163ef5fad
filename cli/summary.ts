/** One of many things with which something is wrong. */
interface Fault {
  /** For people: a ref or a key. */
  readonly subject: string;
  readonly code: string;
  readonly message: string;
}

/** Of a cause that many have, so many are named. */
const NAMED = 3;

/** The faults of one cause together, in the order in which the first of each came. A message that differs in nothing but what it names is of one cause. */
export function byCause<T extends Fault>(faults: readonly T[], namesOf: (fault: T) => readonly string[]): readonly (readonly T[])[] {
  const causes = Map.groupBy(faults, (fault) =>
    namesOf(fault).reduce((text, name) => text.replaceAll(name, "it"), `${fault.code}\n${fault.message}`),
  );
  return [...causes.values()];
}

/** `prod/a`, or `170 of them, the first prod/a, prod/b, prod/c`. */
export function nameAll(subjects: readonly string[]): string {
  if (subjects.length <= NAMED) return subjects.join(", ");
  return `${subjects.length} of them, the first ${subjects.slice(0, NAMED).join(", ")}`;
}

/** A line for each cause: so one bad key is one warning, however much it signed. `key` is of the object, which messages name. */
export function summarize(faults: readonly (Fault & { readonly key: string })[]): readonly string[] {
  return byCause(faults, ({ key, subject }) => [key, subject]).map((together) => {
    const [first] = together;
    const subjects = nameAll(together.map(({ subject }) => subject));
    return `${subjects}: ${first?.message}`;
  });
}
