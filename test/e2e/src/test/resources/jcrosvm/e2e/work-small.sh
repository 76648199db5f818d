# Work whose output depends on nothing but the programs: compared with what they print on the host.
cd /tmp
i=0
while [ $i -lt 3000 ]; do echo "line $i of a file to hash and encrypt"; i=$((i + 1)); done >data
for digest in md5 sha1 sha256 sha512 sha3-256 blake2b512 sm3 ripemd160; do
    openssl dgst -$digest data
done
key=000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f
for cipher in aes-128-cbc aes-256-ctr camellia-128-cbc aria-256-ctr chacha20; do
    openssl enc -$cipher -K ${key} -iv 00112233445566778899aabbccddeeff -in data 2>/dev/null | openssl dgst -sha256
done
openssl genrsa -out rsa.pem 512 2>/dev/null && openssl dgst -sha256 -sign rsa.pem -out signature data
openssl rsa -in rsa.pem -pubout -out rsa.pub 2>/dev/null && openssl dgst -sha256 -verify rsa.pub -signature signature data
openssl ecparam -name prime256v1 -genkey -noout -out ec.pem && openssl dgst -sha256 -sign ec.pem -out signature data
openssl ec -in ec.pem -pubout -out ec.pub 2>/dev/null && openssl dgst -sha256 -verify ec.pub -signature signature data
openssl prime 170141183460469231731687303715884105727
sqlite3 :memory: <<'SQL'
CREATE TABLE t(a INTEGER PRIMARY KEY, b TEXT, c REAL);
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000)
    INSERT INTO t SELECT i, hex(i * 2654435761 % 4294967296), sqrt(i) * 1.25 - i / 7.0 FROM n;
CREATE INDEX tb ON t(b);
SELECT count(*), sum(a), min(b), max(b), printf('%.12g %.12g', sum(c), avg(c * c)) FROM t;
SELECT b, c FROM t WHERE b LIKE 'A%' ORDER BY b LIMIT 5;
SELECT substr(b, 1, 1) k, count(*), printf('%.9f', total(c)) FROM t GROUP BY k ORDER BY k;
SELECT printf('%.15g %.15g %.15g %.15g', exp(1.5), ln(10), sin(2), pow(1.1, 25));
SQL
