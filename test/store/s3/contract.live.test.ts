import { afterAll, beforeAll } from "vitest";
import { startMiniStack, type MiniStack } from "../../../tools/lab/ministack.ts";
import { startVersityGateway, type VersityGateway } from "../../../tools/lab/versitygw.ts";
import { blobStoreContract } from "../../contract/blob-store.ts";
import { blobVersionsContract, unversionedContract } from "../../contract/blob-versions.ts";
import { makeBucket, underTest, versionsUnderTest, type S3Server } from "./s3-under-test.ts";

let gateway: VersityGateway;
let ministack: MiniStack;
beforeAll(async () => {
  [gateway, ministack] = await Promise.all([startVersityGateway(), startMiniStack()]);
});
afterAll(() => Promise.all([gateway.stop(), ministack.stop()]));

/** MiniStack takes any credentials. */
function emulated(): S3Server {
  return { endpoint: ministack.endpoint, region: ministack.region, credentials: { accessKeyId: "test", secretAccessKey: "test" } };
}

blobStoreContract("the S3 store on versitygw", async () => underTest(gateway, await gateway.makeBucket()));

blobStoreContract("the S3 store on MiniStack, below a prefix of a bucket with versions and Object Lock", async () =>
  underTest(emulated(), await makeBucket(emulated(), { lock: true }), { prefix: "some/where/" }),
);

unversionedContract("the S3 store on versitygw", async () => underTest(gateway, await gateway.makeBucket()));

unversionedContract("the S3 store on MiniStack", async () =>
  underTest(emulated(), await makeBucket(emulated()), { prefix: "some/where/" }),
);

blobVersionsContract("the S3 store on versitygw", async () =>
  versionsUnderTest(gateway, await gateway.makeBucket({ lock: true }), { minds: true }),
);

blobVersionsContract("the S3 store on MiniStack, below a prefix", async () =>
  versionsUnderTest(emulated(), await makeBucket(emulated(), { lock: true }), { prefix: "some/where/", minds: false }),
);
