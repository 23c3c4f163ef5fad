import { intoS3Tests } from "./suites/into-s3.ts";

intoS3Tests({ all: true });
