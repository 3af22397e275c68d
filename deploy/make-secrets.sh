#!/bin/sh
# Makes the secrets that docker-compose.yml hands out, once: what is there is never changed. Needs nothing but a shell.
#
#   sh deploy/make-secrets.sh [DIRECTORY]        default: secrets, where docker-compose.yml looks
#
# The directory is open to its owner alone. The files in it are readable, because Docker hands a file out with the rights
# that it has here, to containers that run as users of their own; who may not pass the directory reads none of them.
set -eu
umask 077
directory=${1:-secrets}
mkdir -p "$directory"
chmod 700 "$directory"
cd "$directory"

random() { od -An -v -tx1 -N32 /dev/urandom | tr -d ' \n'; }

# put NAME TEXT: written beside its place and moved there, so that half a secret is never found.
put() {
    [ -e "$1" ] && return
    printf '%s\n' "$2" >".$1.new"
    chmod 444 ".$1.new"
    mv ".$1.new" "$1"
    echo "$1: made"
}

for name in secret-key postgres-root-password postgres-password mongodb-root-password mongodb-password mongodb-keyfile \
    redis-password cache-password s3-access-key s3-secret-key metrics-token grafana-password; do
    put "$name" "$(random)"
done
# Addresses hold their password. Hexadecimal digits need no quoting in one.
put database-url "postgresql://earshot:$(cat postgres-password)@postgres:5432/earshot"
put mongodb-url "mongodb://earshot:$(cat mongodb-password)@mongodb:27017/earshot?authSource=admin&replicaSet=rs0"
put redis-url "redis://:$(cat redis-password)@redis:6379/0"
put cache-url "redis://:$(cat cache-password)@cache:6379/0"
