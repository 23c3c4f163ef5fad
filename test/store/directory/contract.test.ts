import { blobStoreContract } from "../../contract/blob-store.ts";
import { unversionedContract } from "../../contract/blob-versions.ts";
import { directoryUnderTest } from "./directory-under-test.ts";

blobStoreContract("the directory store", directoryUnderTest);

unversionedContract("the directory store", directoryUnderTest);
