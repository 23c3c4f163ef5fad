import { fileURLToPath } from "node:url";
import { App, Stack } from "aws-cdk-lib";
import { ClusterBackup, Notices, readDeployment, SnapshotVault } from "etcd-lifeboat/infra";

// The package is the tarball that package.json names: npm run pack:tools -- --platform linux-x64 --out examples/infra-app makes it in a checkout.

// The vault in a stack of its own, which is to outlive the other; the backups in a stack that has other things as well.
const deployment = await readDeployment(fileURLToPath(new URL("lifeboat.yaml", import.meta.url)));
const env = { region: deployment.store.region };
const app = new App();
const vault = new SnapshotVault(new Stack(app, "etcd-vault", { env, terminationProtection: true }), "Vault", { deployment });
const platform = new Stack(app, "platform", { env });
const notices = new Notices(platform, "Notices", deployment);
for (const { name } of deployment.clusters) {
  const { stateMachine } = new ClusterBackup(platform, name, { deployment, cluster: name, vault, notices });
  platform.exportValue(stateMachine.stateMachineArn, { name: `backup-of-${name}` });
}
app.synth();
