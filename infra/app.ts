import { App, Validations } from "aws-cdk-lib";
import { DEFAULT_CROSS_STACK_REFERENCES } from "aws-cdk-lib/cx-api";
import { AwsSolutionsChecks } from "cdk-nag";
import { isLifeboatError } from "../shared/errors.ts";
import { readDeployment } from "./deployment.ts";
import { ServiceStack } from "./service-stack.ts";
import { VaultStack } from "./vault-stack.ts";

/** `npm run synth -- -c config=lifeboat.yaml`: the service that a configuration describes, by default that of examples/. */

try {
  // The service asks for the ARNs of the vault's keys, and so keeps these from being deleted under it.
  const app = new App({ context: { [DEFAULT_CROSS_STACK_REFERENCES]: "strong" } });
  const config: unknown = app.node.tryGetContext("config");
  const deployment = await readDeployment(typeof config === "string" ? config : "examples/lifeboat.yaml");
  const { name } = deployment.service;
  const { vault } = new VaultStack(app, `${name}-vault`, { deployment });
  new ServiceStack(app, `${name}-service`, { deployment, vault });
  Validations.of(app).addPlugins(new AwsSolutionsChecks(app));
  app.synth();
} catch (error) {
  if (!isLifeboatError(error)) throw error;
  process.stderr.write(`${error.message}\n${error.hint === undefined ? "" : `hint: ${error.hint}\n`}`);
  process.exitCode = 1;
}
