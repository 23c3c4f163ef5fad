import { Logger } from "@aws-lambda-powertools/logger";
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

/** Of a process, only the first. */
let isFirst = true;

class InvocationLogger extends Logger {
  constructor() {
    super({ serviceName: "etcd-lifeboat" });
    // Each logger takes its own first invocation for the first of the process.
    this.coldStart &&= isFirst;
    isFirst = false;
  }
}

/** The log of one invocation, in JSON. Only what is given to it by name is in it: never the event, an error or the configuration. */
export function openLog(context: LambdaContext): Logger {
  const logger = new InvocationLogger();
  logger.addContext(context);
  return logger;
}

/** Phases and notes of a job as lines of the log. */
export function progressIn(logger: Logger): Progress {
  return {
    phase: (phase) => logger.info("phase", { phase }),
    advance: () => undefined,
    note: (level, message) => (level === "warn" ? logger.warn(message) : logger.info(message)),
  };
}
