package jcrosvm.guest;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

final class OpensshKeyTest {
    @TempDir
    private Path directory;

    @Test
    void sshKeygenReadsIt() throws Exception {
        assumeTrue(EmulatedMachine.onPath("ssh-keygen"), "ssh-keygen is not installed");
        OpensshKey key = OpensshKey.generate("who made it");
        Path file = directory.resolve("key");
        Files.createFile(file, PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------")));
        Files.writeString(file, key.privateFile());
        Process process = new ProcessBuilder("ssh-keygen", "-y", "-f", file.toString())
                .redirectErrorStream(true)
                .start();
        String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertThat(output.strip()).isEqualTo(key.publicLine());
        assertThat(process.waitFor()).isZero();
    }

    @Test
    void everyKeyIsNew() {
        assertThat(OpensshKey.generate("a").publicLine())
                .isNotEqualTo(OpensshKey.generate("a").publicLine());
    }
}
