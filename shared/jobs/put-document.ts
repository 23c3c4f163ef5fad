export { putDocument } from "../manifest/put-document.ts";
