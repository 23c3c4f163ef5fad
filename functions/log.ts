import { Logger } from "@aws-lambda-powertools/logger";
import { ENVIRONMENT } from "../shared/contract/service.ts";
import { isDebugOn, openDebugLog } from "../shared/debug-log.ts";
import type { DebugLog } from "../shared/debug-log.ts";
import type { Progress } from "../shared/progress.ts";

/** What Lambda hands to a handler beside the event, as far as it is used. */
export interface LambdaContext {
  readonly functionName: string;
  readonly functionVersion: string;
  readonly invokedFunctionArn: string;
  readonly memoryLimitInMB: string;
  readonly awsRequestId: string;
  /** Until the function is killed. */
  getRemainingTimeInMillis(): number;
}

const isDebug = isDebugOn(process.env[ENVIRONMENT.debug]);

/** Ports outlive an invocation, so their lines go to the log of the one that runs. */
let current: Logger | undefined;

/** The debug log, as lines at level debug; undefined where the environment does not ask for it. */
export const debug: DebugLog | undefined = isDebug ? openDebugLog((kind, line) => current?.debug(line, { kind })) : undefined;

/** For what is told apart from a job, of a program that is used. */
export function warn(text: string): void {
  current?.warn(text);
}

/** Of a process, only the first. */
let isFirst = true;

class InvocationLogger extends Logger {
  constructor() {
    super({ serviceName: "etcd-lifeboat", ...(isDebug ? { logLevel: "DEBUG" } : {}) });
    // Each logger takes its own first invocation for the first of the process.
    this.coldStart &&= isFirst;
    isFirst = false;
  }
}

/** The log of one invocation, in JSON. Only what is given to it by name is in it: never the event, an error or the configuration. */
export function openLog(context: LambdaContext): Logger {
  const logger = new InvocationLogger();
  logger.addContext(context);
  current = logger;
  return logger;
}

/** Phases and notes of a job as lines of the log. */
export function progressIn(logger: Logger): Progress {
  return {
    debug,
    phase: (phase) => logger.info("phase", { phase }),
    advance: () => undefined,
    note: (level, message) => (level === "warn" ? logger.warn(message) : logger.info(message)),
  };
}
