#!/bin/sh
# Checks the signature of a webhook's call: WEBHOOK_SECRET=... sh verify.sh SIGNATURE < body
# A shell compares as fast as it can, and others on the machine may see the secret among the processes: for trying out.

is_valid() { # the signature; the body is on standard input
    expected=$(openssl dgst -sha256 -hmac "$WEBHOOK_SECRET" -r | cut -d' ' -f1)
    [ "$1" = "$expected" ]
}

if is_valid "$1"; then
    echo valid
else
    echo WRONG
    exit 1
fi
