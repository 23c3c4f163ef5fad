/** Flags of V8 that it looks at each time that it collects (https://github.com/v8/v8/blob/main/src/flags/flag-definitions.h): for steady memory, and as they are by default. */
const FLAGS = [
  { name: "--semi-space-growth-factor", steady: 1, usual: 2 },
  { name: "--heap-growing-percent", steady: 50, usual: 0 },
] as const;

/** In the process and not in the module: the build has it twice, in main.js and in what that loads. */
const STATE = Symbol.for("etcd-lifeboat.steady-memory");
type Process = typeof globalThis & { [STATE]?: true };

/**
 * Trades some percent of speed for a third of the memory, for commands that read documents by the ten thousand: V8 else doubles the space for new objects up to 32 MiB three times over, and lets the old ones grow to twice what is alive.
 */
export function keepMemorySteady(): void {
  (globalThis as Process)[STATE] = true;
  setAll("steady");
}

/** V8 takes no compiled code that was made under other flags: so it is made, and taken, under the usual ones. */
export function underUsualFlags<T>(action: () => T): T {
  if ((globalThis as Process)[STATE] !== true) return action();
  setAll("usual");
  try {
    return action();
  } finally {
    setAll("steady");
  }
}

function setAll(which: "steady" | "usual"): void {
  // Loaded when needed: most commands do without it.
  const { setFlagsFromString } = process.getBuiltinModule("node:v8");
  for (const flag of FLAGS) setFlagsFromString(`${flag.name}=${flag[which]}`);
}
