// The official tus server for Node, storing where Earshot stores. Run by benchmarks/uploads.py.

import http from "node:http";

import { S3Store } from "@tus/s3-store";
import { Server } from "@tus/server";

const { EARSHOT_S3_ENDPOINT, EARSHOT_S3_ACCESS_KEY, EARSHOT_S3_SECRET_KEY, EARSHOT_S3_BUCKET } = process.env;
const PREFIX = "benchmark-tus/";

const datastore = new S3Store({
  s3ClientConfig: {
    bucket: EARSHOT_S3_BUCKET,
    region: "us-east-1",
    endpoint: EARSHOT_S3_ENDPOINT,
    forcePathStyle: true,
    credentials: { accessKeyId: EARSHOT_S3_ACCESS_KEY, secretAccessKey: EARSHOT_S3_SECRET_KEY },
    // As the S3 protocol was before 2025, which every store understands.
    requestChecksumCalculation: "WHEN_REQUIRED",
    responseChecksumValidation: "WHEN_REQUIRED",
  },
});
const tus = new Server({
  path: "/files",
  datastore,
  namingFunction: () => PREFIX + crypto.randomUUID(),
  // A key has a slash in it, an address may not.
  generateUrl: (_request, { baseUrl, path, id }) => `${baseUrl ?? ""}${path}/${Buffer.from(id).toString("base64url")}`,
  getFileIdFromRequest: (_request, last) => last && Buffer.from(last, "base64url").toString("utf8"),
});

http.createServer((request, response) => tus.handle(request, response)).listen(Number(process.argv[2]), "127.0.0.1");
