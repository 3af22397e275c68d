#!/bin/sh
# Keeps a copy of the archive, and brings the archive back from it (docs/backup.md). Needs rclone alone.
#
#   sh deploy/archive/copy.sh keep ARCHIVE COPY           every hour
#   sh deploy/archive/copy.sh bring-back ARCHIVE COPY     into an archive that is lost, with Earshot stopped
#
# Each is a place as rclone writes it: archive:earshot-archive, /backups/archive. Exit status 0 is good; any other says in
# a sentence why not, and then nothing that the copy has of the ledger and the keyring was changed.
set -eu
# A store that is away is given up within seconds; the next hour tries again.
export RCLONE_RETRIES=1 RCLONE_LOW_LEVEL_RETRIES=2 RCLONE_CONTIMEOUT=10s

what=${1:-} archive=${2:?the archive is not said} copy=${3:?the copy is not said}

refuse() {
    echo "$*" >&2
    exit 1
}

# All but people's keys, which are overwritten when they are destroyed, and days of figures, which are made anew and go
# after years: the ledger, certificates, anchors of the audit log, the root secret, the key that signs.
of_what_never_changes() { rclone "$@" --filter '- /keyring/people/**' --filter '- /metrics/**'; }

# same_root HAS MAY_LACK: whether the second has the root secret of the first, or the first has none. Read, not compared
# by what a store says of it: some say nothing of what they have encrypted.
same_root() { rclone check --download --one-way --include /keyring/root "$1" "$2"; }

wants_root() {
    status=0
    found=$(rclone lsf --include /root "$1/keyring") || status=$?
    case $status in
    0 | 3) [ -n "$found" ] || refuse "$2" ;;
    *) refuse "$1 was not reached. Nothing was copied." ;;
    esac
}

case $what in
keep)
    wants_root "$archive" "The archive has no root secret (keyring/root): it is lost. Its copy was left as it is, and \
is what to bring back (docs/backup.md)."
    rclone mkdir "$copy"
    if ! same_root "$copy" "$archive" || ! of_what_never_changes check --one-way "$copy" "$archive"; then
        refuse "The archive lacks what its copy has, or says something else: it was begun anew, or set back to an \
older state. The copy was left as it is, and is what to bring back (docs/backup.md)."
    fi
    of_what_never_changes copy --immutable --checksum "$archive" "$copy"
    # Where a store tells no MD5, as `objects` of docker-compose.yml does not, sizes are compared: a key and what stands in
    # its place when it is destroyed differ in that, and days of figures have their content's digest in their names.
    # No name is ever taken from people's keys: one that is destroyed is overwritten, here as there.
    rclone copy --checksum --include '/keyring/people/**' "$archive" "$copy"
    rclone sync --checksum --include '/metrics/**' "$archive" "$copy"
    ;;
bring-back)
    wants_root "$copy" "The copy has no root secret (keyring/root), so it is none. Nothing was copied."
    rclone mkdir "$archive"
    same_root "$archive" "$copy" || refuse "The archive has a root secret of its own, and is not the one that was \
copied. Nothing was changed: name an empty bucket, or empty this one if nobody needs it."
    # A key that was destroyed since the copy was made stays so: what is there is not written over.
    rclone copy --ignore-existing --checksum "$copy" "$archive"
    ;;
*) refuse "copy.sh keep ARCHIVE COPY, or copy.sh bring-back ARCHIVE COPY" ;;
esac
