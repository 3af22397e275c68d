// Founds the replica set that transactions need, with this one member. Run by mongosh as often as one likes.
const fs = require("fs");

const SET = "rs0";
const MEMBER = process.env.MEMBER || "mongodb:27017";
const PASSWORD_FILE = process.env.PASSWORD_FILE || "/run/secrets/mongodb-password";
const PATIENCE_MS = 60_000;

const password = fs.readFileSync(PASSWORD_FILE, "utf8").trim();
const admin = connect(`mongodb://earshot:${password}@${MEMBER}/admin?directConnection=true&authSource=admin`);

if (!admin.hello().setName) {
  const founded = admin.adminCommand({ replSetInitiate: { _id: SET, members: [{ _id: 0, host: MEMBER }] } });
  print(`The set ${SET} is founded: ${founded.ok}`);
}
const ends = Date.now() + PATIENCE_MS;
while (!admin.hello().isWritablePrimary) {
  if (Date.now() > ends) {
    print(`${MEMBER} has not become the primary of ${SET}`);
    quit(1);
  }
  sleep(200);
}
print(`${MEMBER} is the primary of ${SET}`);
