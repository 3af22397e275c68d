#!/bin/sh
# Makes the role that Earshot is, with a database of its own. It is no superuser: it can read no file of the server's, run no
# program there, make no role, and reach no other database of it. Run once by the image, when it has made its data.
set -eu
export OWNER="${OWNER:-earshot}" PASSWORD_FILE="${PASSWORD_FILE:-/run/secrets/postgres-password}"
psql --no-psqlrc --quiet --set ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname postgres <<'SQL'
\getenv owner OWNER
\set password `cat "$PASSWORD_FILE"`
CREATE ROLE :"owner" LOGIN PASSWORD :'password';
CREATE DATABASE :"owner" OWNER :"owner";
REVOKE CONNECT ON DATABASE postgres FROM PUBLIC;
\connect :"owner"
-- pgvector is not among the extensions that an owner may make.
CREATE EXTENSION vector;
SQL
