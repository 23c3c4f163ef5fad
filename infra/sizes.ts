/**
 * Memory, storage and time of the functions and tasks, from how large a cluster's database may become. The figures are those of docs/performance.md (x86, two cores):
 * a backup of 1,646 MB over TLS into S3 took 10 s, 9.4 s of CPU and 277 MB of memory, of which the scan's record is 45 bytes a page of 4 KiB and at most 36 bytes an
 * entry; HashKV took 0.4 s of each member that was asked.
 */

const MIB = 2 ** 20;
const GIB = 2 ** 30;

/** Of a function: AWS ends it then, whatever it does. */
const LONGEST_FUNCTION_SECONDS = 900;

/** Node with the code loaded, blocks and parts in work: 277 MB at 1,646 MB, less what grows with the database. */
const BASE_MIB = 240;
/** What a verification keeps of keys for their index, 256 MiB at most (shared/jobs/verify/index-snapshot.ts), and to sort them. */
const INDEX_MIB = 400;
/** 45 bytes for each of the 262,144 pages of a GiB, and 36 for each of 2,097,152 entries, were they 512 bytes each on average: 84 MiB, and some for the tables to grow. */
const MIB_PER_GIB = 110;

/** At 1,769 MB a function has one whole core, and two at twice as much. https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html */
const ONE_CORE_MIB = 1769;
/** Compression runs on two threads: from here on, what a second core saves in time is worth its price. */
const TWO_CORES_FROM_BYTES = 4 * GIB;

/** A cold start, connections, the questions before the stream, and the objects written after it, each with room for some tries. */
const FIXED_SECONDS = 60;
/** The first member may fail near its end, and the next is then asked from the start. */
const STREAMS = 2;
/** 0.25 s a GB of each member that is asked, five members, and half as much again. */
const HASH_SECONDS_PER_GB = 2;

export type Sizes = FunctionSizes | TaskSizes;

export interface FunctionSizes {
  readonly kind: "function";
  readonly memoryMiB: number;
  readonly storageMiB: number;
  /** Of the run itself. */
  readonly seconds: number;
  /** Before it, where that is not part of the run. */
  readonly startSeconds: 0;
}

export interface TaskSizes {
  readonly kind: "task";
  /** 1024 are one core. */
  readonly cpu: number;
  readonly memoryMiB: number;
  readonly seconds: number;
  readonly startSeconds: number;
}

/** What Fargate offers with two cores: 4 to 16 GiB, in steps of one. https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-cpu-memory-error.html */
const TASK_CPU = 2048;
const LEAST_TASK_MIB = 4096;
const MOST_TASK_MIB = 16_384;

/** How large the database may be: a task's memory holds the record of no larger one. */
export const LARGEST_DATABASE_BYTES = Math.floor((MOST_TASK_MIB - BASE_MIB - INDEX_MIB) / MIB_PER_GIB) * GIB;

/**
 * A function, or a task of Fargate where 15 minutes are not enough. `megabytesPerSecond` is what comes of a snapshot in a second from end to end: by default 40, half of
 * what a function's network gives (some 75 MB/s), as the processor in the cloud is slower than the one that was measured, and the line may be.
 */
export function sizesFor(databaseBytes: number, megabytesPerSecond: number): Sizes {
  const memoryMiB = BASE_MIB + INDEX_MIB + Math.ceil((databaseBytes / GIB) * MIB_PER_GIB);
  const megabytes = databaseBytes / 1e6;
  const seconds = Math.ceil(FIXED_SECONDS + (STREAMS * megabytes) / megabytesPerSecond + (HASH_SECONDS_PER_GB * megabytes) / 1000);
  if (seconds > LONGEST_FUNCTION_SECONDS)
    return { kind: "task", cpu: TASK_CPU, memoryMiB: clampToGib(memoryMiB), seconds, startSeconds: TASK_START_SECONDS };
  const cores = databaseBytes >= TWO_CORES_FROM_BYTES ? 2 : 1;
  // 512 MiB of storage is the least there is: nothing of a snapshot touches a disk, only a lock file does.
  return { kind: "function", memoryMiB: Math.max(memoryMiB, cores * ONE_CORE_MIB), storageMiB: 512, seconds, startSeconds: 0 };
}

/** The keeper reads documents of a few KiB, and removes by name: 10,000 snapshots in less than 300 MB. A first prune may be of thousands, so it may take as long as there is; what is left then the next run does. */
export const KEEPER_SIZES: FunctionSizes = {
  kind: "function",
  memoryMiB: 1024,
  storageMiB: 512,
  seconds: LONGEST_FUNCTION_SECONDS,
  startSeconds: 0,
};

/**
 * The desk reads documents and some 45 MB of programs, which all control tars of a run share, and uploads one tar for each recipient: 50 of them, the most there are, are 2.3 GB, some 30 s of a function's network and 10 s of SHA-256 on
 * a whole core. The rest is for tries.
 */
export const DESK_SIZES: FunctionSizes = {
  kind: "function",
  memoryMiB: ONE_CORE_MIB,
  storageMiB: 512,
  seconds: 300,
  startSeconds: 0,
};

/** The audit reads documents of a few KiB, of four clusters at a time, and makes a page of a few MB at most. */
export const AUDIT_SIZES: FunctionSizes = {
  kind: "function",
  memoryMiB: ONE_CORE_MIB,
  storageMiB: 512,
  seconds: LONGEST_FUNCTION_SECONDS,
  startSeconds: 0,
};

/**
 * The most that a function may have on its disk. A drill has there what was fetched (some third of the database), the snapshot and what is restored from it, and 600 MiB besides (shared/jobs/drill/drill.ts, which looks again): that is enough up to some 4 GiB.
 */
const MOST_STORAGE_MIB = 10_240;
export const LARGEST_DRILL_IN_FUNCTION_BYTES = 4 * GIB;

/** Restoring and reading back go through the database some eight times, on two cores; 4 GiB at 100 MB/s are some six minutes. */
export const DRILL_SIZES: FunctionSizes = {
  kind: "function",
  memoryMiB: 2 * ONE_CORE_MIB,
  storageMiB: MOST_STORAGE_MIB,
  seconds: LONGEST_FUNCTION_SECONDS,
  startSeconds: 0,
};

const DRILL_PASSES = 8;
/** A disk of Fargate gives more at times; nobody waits for a drill. */
const DRILL_MEGABYTES_PER_SECOND = 60;
/** What Fargate gives a task: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/fargate-task-storage.html */
const LEAST_DISK_GIB = 21;
const MOST_DISK_GIB = 200;
/** What was fetched, the snapshot, and what is restored from it: were nothing of it compressed, three times the database. */
const DISK_PER_GIB = 3;
export const LARGEST_DRILL_BYTES = Math.floor((MOST_DISK_GIB - 1) / DISK_PER_GIB) * GIB;

export interface DrillTaskSizes extends Omit<TaskSizes, "kind"> {
  readonly diskGiB: number;
}

/** A task that drills databases of at most so many bytes together, one after the other. */
export function drillTaskSizes(databases: readonly number[]): DrillTaskSizes {
  const largest = Math.max(...databases);
  const megabytes = databases.reduce((sum, each) => sum + each, 0) / 1e6;
  return {
    cpu: TASK_CPU,
    // etcd keeps an index of all keys, and the system what it read last.
    memoryMiB: Math.min(MOST_TASK_MIB, clampToGib(BASE_MIB + largest / MIB / 2)),
    seconds: Math.ceil(LONGEST_FUNCTION_SECONDS + (DRILL_PASSES * megabytes) / DRILL_MEGABYTES_PER_SECOND),
    startSeconds: TASK_START_SECONDS,
    diskGiB: Math.max(LEAST_DISK_GIB, Math.ceil((DISK_PER_GIB * largest) / GIB) + 1),
  };
}

/** kopia with 1.6 GB in work has 172 MB (docs/performance.md), and an index of the blocks that are there. */
const KOPIA_MIB = 320;

/** With room for kopia beside. */
export function withKopia(sizes: FunctionSizes): FunctionSizes {
  return { ...sizes, memoryMiB: sizes.memoryMiB + KOPIA_MIB };
}

/** Fargate finds room for a task and fetches its image. */
const TASK_START_SECONDS = 300;

function clampToGib(mib: number): number {
  return Math.max(LEAST_TASK_MIB, Math.ceil((mib * MIB) / GIB) * 1024);
}
