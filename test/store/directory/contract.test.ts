import { blobStoreContract } from "../../contract/blob-store.ts";
import { directoryUnderTest } from "./directory-under-test.ts";

blobStoreContract("the directory store", directoryUnderTest);
