package jcrosvm.guest;

import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.security.KeyPair;
import java.security.KeyPairGenerator;
import java.security.SecureRandom;
import java.util.Arrays;
import java.util.Base64;
import jcrosvm.base.VmmException;

/**
 * A new Ed25519 key in the files of OpenSSH (PROTOCOL.key, RFC 8709).
 *
 * @param privateFile content of the private file, not protected by a password
 * @param publicLine the line of the public file, without its end
 */
record OpensshKey(String privateFile, String publicLine) {
    private static final String TYPE = "ssh-ed25519";
    private static final int KEY_BYTES = 32;
    private static final int CIPHER_BLOCK = 8;
    private static final int LINE = 70;

    /**
     * Makes a key.
     *
     * @param comment tells people whose it is
     */
    static OpensshKey generate(String comment) {
        try {
            KeyPair pair = KeyPairGenerator.getInstance("Ed25519").generateKeyPair();
            // Both DER encodings end with the bare key (RFC 8410).
            byte[] publicKey = last(pair.getPublic().getEncoded());
            byte[] seed = last(pair.getPrivate().getEncoded());
            return of(seed, publicKey, comment, new SecureRandom().nextInt());
        } catch (GeneralSecurityException e) {
            throw new VmmException("this JVM makes no Ed25519 keys: " + e.getMessage(), e);
        }
    }

    private static OpensshKey of(byte[] seed, byte[] publicKey, String comment, int check) {
        byte[] publicBlob = new Blob().text(TYPE).bytes(publicKey).toBytes();
        byte[] both = Arrays.copyOf(seed, 2 * KEY_BYTES);
        System.arraycopy(publicKey, 0, both, KEY_BYTES, KEY_BYTES);
        Blob secret = new Blob()
                .number(check) // twice, to recognize a wrong password
                .number(check)
                .text(TYPE)
                .bytes(publicKey)
                .bytes(both)
                .text(comment);
        for (int i = 1; secret.length() % CIPHER_BLOCK != 0; i++) {
            secret.raw(new byte[] {(byte) i});
        }
        byte[] file = new Blob()
                .raw("openssh-key-v1\0".getBytes(StandardCharsets.US_ASCII))
                .text("none")
                .text("none")
                .text("")
                .number(1)
                .bytes(publicBlob)
                .bytes(secret.toBytes())
                .toBytes();
        String body = Base64.getMimeEncoder(LINE, new byte[] {'\n'}).encodeToString(file);
        return new OpensshKey(
                "-----BEGIN OPENSSH PRIVATE KEY-----\n" + body + "\n-----END OPENSSH PRIVATE KEY-----\n",
                TYPE + " " + Base64.getEncoder().encodeToString(publicBlob) + " " + comment);
    }

    private static byte[] last(byte[] der) {
        return Arrays.copyOfRange(der, der.length - KEY_BYTES, der.length);
    }

    /** The data types of SSH (RFC 4251, 5). */
    private static final class Blob {
        private final ByteArrayOutputStream out = new ByteArrayOutputStream();

        Blob raw(byte[] bytes) {
            out.writeBytes(bytes);
            return this;
        }

        Blob number(int value) {
            return raw(ByteBuffer.allocate(4).putInt(value).array());
        }

        Blob bytes(byte[] bytes) {
            return number(bytes.length).raw(bytes);
        }

        Blob text(String text) {
            return bytes(text.getBytes(StandardCharsets.UTF_8));
        }

        int length() {
            return out.size();
        }

        byte[] toBytes() {
            return out.toByteArray();
        }
    }
}
