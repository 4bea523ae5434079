#!/bin/sh
# Start a program once the disk of a folder has so many MiB free: wait_for_space.sh FOLDER MIB COMMAND ...
# A Kafka broker that starts on a full disk truncates its metadata, and with them forgets every topic.
set -eu
folder=$1 wanted=$2
shift 2
said=
while
    free=$(($(df -Pk "$folder" | tail -n 1 | tr -s ' ' | cut -d ' ' -f 4) / 1024))
    [ "$free" -lt "$wanted" ]
do
    [ "$said" ] || echo "$(date -u +%FT%TZ) the disk of $folder has $free MiB free: waiting for $wanted MiB before $1 starts"
    said=yes
    sleep 1
done
exec "$@"
