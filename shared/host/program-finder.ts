/** The minors of etcd whose programs are carried: 3.5's serve 3.4 as well. */
const ETCD_MINORS = ["3.5", "3.6", "3.7"] as const;

/** A helper program. unzstd and kube-decode are ours, and all others are not. Those of etcd are told apart by minor, since a snapshot is restored with its own minor's. */
export type Program =
  | { readonly name: "age" | "age-keygen" | "unzstd" | "kube-decode" | "kopia"; readonly minor?: undefined }
  | { readonly name: "etcd" | "etcdctl" | "etcdutl"; readonly minor: (typeof ETCD_MINORS)[number] };

/** What reads objects of Kubernetes. */
export const KUBE_DECODE: Program = { name: "kube-decode" };

/** Every one that comes with lifeboat. */
export const PROGRAMS: readonly Program[] = [
  { name: "age" },
  { name: "age-keygen" },
  { name: "unzstd" },
  KUBE_DECODE,
  ...ETCD_MINORS.map((minor) => ({ name: "etcdctl", minor }) as const),
  ...ETCD_MINORS.map((minor) => ({ name: "etcdutl", minor }) as const),
];

/** What a Kopia store is reached by; it does not come with lifeboat. */
export const KOPIA: Program = { name: "kopia" };

/** Where programs are looked for, in this order: the configuration's folder, the package for this system, what a checkout built, PATH. */
export type Origin = "tools.dir" | "package" | "checkout" | "PATH";

export interface FoundProgram {
  /** Absolute. */
  readonly path: string;
  readonly origin: Origin;
  /** As the program says it, without a leading v: `3.6.16`. */
  readonly version: string;
}

/** One that is there but does not serve. */
export interface PassedOver {
  readonly path: string;
  readonly origin: Origin;
  /** Where it is a whole one of another minor. */
  readonly version: string | undefined;
  /** Why, as the end of a sentence that begins with the path: `is 3.4.23`. */
  readonly reason: string;
}

export interface Search {
  readonly program: Program;
  /** Undefined where none serves. */
  readonly found: FoundProgram | undefined;
  /** What stood before it, in the order of the search. */
  readonly passedOver: readonly PassedOver[];
}

/** Finds helper programs on this machine. One serves when it runs, says its version, and is of the minor that was asked for. */
export interface ProgramFinder {
  /** Throws only `interrupted`: a program that does not serve is part of the answer. */
  find(program: Program, signal: AbortSignal): Promise<Search>;
}

/** `etcdutl 3.6`. */
export function nameOf({ name, minor }: Program): string {
  return minor === undefined ? name : `${name} ${minor}`;
}
