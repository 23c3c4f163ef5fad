import { pruneInS3Tests } from "./suites/in-s3.ts";

pruneInS3Tests({ all: true });
