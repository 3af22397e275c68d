// Founds the replica set that transactions need, with this one member, and makes the user that Earshot is, who may do
// what it likes with its own database and nothing else. Run by mongosh as often as one likes.
const fs = require("fs");

const SET = "rs0";
const MEMBER = process.env.MEMBER || "mongodb:27017";
const USER = "earshot";
const RIGHTS = [{ "role": "readWrite", "db": "earshot" }, { "role": "dbAdmin", "db": "earshot" }];
const PATIENCE_MS = 60_000;
const WRONG_PASSWORD = 18;

function secret(file) {
  return fs.readFileSync(file, "utf8").trim();
}

// The database in which users are, or null for who is not let in.
function signedIn(user, password) {
  try {
    return connect(`mongodb://${user}:${password}@${MEMBER}/admin?directConnection=true&authSource=admin`);
  } catch (refused) {
    if (refused.code === WRONG_PASSWORD) return null;
    throw refused;
  }
}

const rootPassword = secret(process.env.ROOT_PASSWORD_FILE || "/run/secrets/mongodb-root-password");
const password = secret(process.env.PASSWORD_FILE || "/run/secrets/mongodb-password");

let admin = signedIn("root", rootPassword);
// Data of an Earshot that was root itself: there its user makes root, and is then left with what it needs.
const before = admin ? null : signedIn(USER, password);
const first = admin || before;
if (!first) {
  print("Neither password of the secrets is one that the server knows");
  quit(1);
}

if (!first.hello().setName) {
  const founded = first.adminCommand({ replSetInitiate: { _id: SET, members: [{ _id: 0, host: MEMBER }] } });
  print(`The set ${SET} is founded: ${founded.ok}`);
}
const ends = Date.now() + PATIENCE_MS;
while (!first.hello().isWritablePrimary) {
  if (Date.now() > ends) {
    print(`${MEMBER} has not become the primary of ${SET}`);
    quit(1);
  }
  sleep(200);
}
print(`${MEMBER} is the primary of ${SET}`);

if (before) {
  before.createUser({ user: "root", pwd: rootPassword, roles: ["root"] });
  admin = signedIn("root", rootPassword);
}
if (admin.getUser(USER)) {
  admin.updateUser(USER, { pwd: password, roles: RIGHTS });
} else {
  admin.createUser({ user: USER, pwd: password, roles: RIGHTS });
}
print(`${USER} may use its own database`);
