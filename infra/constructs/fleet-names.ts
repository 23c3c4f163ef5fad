import { ArnFormat, Stack } from "aws-cdk-lib";
import type { Construct } from "constructs";

/** What others have to know of a fleet, which is in a stack of its own: they name its functions and alarms, and import nothing. */

/** A function in the account and region of `scope`. */
export function functionArn(scope: Construct, name: string): string {
  return Stack.of(scope).formatArn({
    service: "lambda",
    resource: "function",
    resourceName: name,
    arnFormat: ArnFormat.COLON_RESOURCE_NAME,
  });
}
