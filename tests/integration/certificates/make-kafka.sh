#!/bin/sh
# Makes the certificates for Kafka anew. The authority's key goes away with the directory that it was made in.
set -eu
to=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

make_key() { openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$1.key"; }

issue() { # name, subject, extension, good from, good until
    make_key "$1"
    openssl req -new -key "$1.key" -subj "$2" -out "$1.csr"
    echo "$3" >"$1.ext"
    openssl ca -batch -config authority.cnf -in "$1.csr" -extfile "$1.ext" \
        -startdate "$4" -enddate "$5" -notext -out "$1.crt"
    cat "$1.key" "$1.crt" >"$to/kafka-$1.pem"
}

cat >authority.cnf <<'END'
[ca]
default_ca = tests
[tests]
new_certs_dir = .
database = index
unique_subject = no
rand_serial = yes
default_md = sha256
policy = any
certificate = authority.crt
private_key = authority.key
[any]
commonName = supplied
END
: >index
make_key authority
openssl req -new -key authority.key -subj "/CN=authority of the tests' Kafka" -out authority.csr
echo basicConstraints=critical,CA:TRUE >authority.ext
openssl ca -batch -selfsign -config authority.cnf -in authority.csr -extfile authority.ext \
    -startdate 20200101000000Z -enddate 21190101000000Z -notext -out authority.crt
cp authority.crt "$to/kafka-authority.pem"
issue broker /CN=localhost subjectAltName=DNS:localhost 20200101000000Z 21190101000000Z
issue expired /CN=localhost subjectAltName=DNS:localhost 20200101000000Z 20210101000000Z
issue client /CN=stream extendedKeyUsage=clientAuth 20200101000000Z 21190101000000Z
