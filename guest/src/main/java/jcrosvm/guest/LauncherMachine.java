package jcrosvm.guest;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import jcrosvm.base.VmmException;

/** Sets a disk up in a machine of the program, as a process of its own. */
public final class LauncherMachine implements SetupMachine {
    private final Path program;

    /**
     * A machine of a program.
     *
     * @param program jcrosvm's launcher
     */
    public LauncherMachine(Path program) {
        this.program = program;
    }

    @Override
    public void run(GuestImage guest, Path disk, Path console) {
        List<String> command = List.of(
                program.toString(),
                "run",
                "--mem",
                Integer.toString(DebianDisk.MEMORY_MIB),
                "--block",
                "path=" + disk,
                "--serial",
                "type=unix-stream,hardware=serial,num=1,path=" + console,
                "--initrd",
                guest.initramfs().toString(),
                "--params",
                guest.parameters(),
                guest.kernel().toString());
        try {
            Process process = new ProcessBuilder(command)
                    .redirectInput(Path.of("/dev/null").toFile())
                    .redirectErrorStream(true)
                    .start();
            String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
            if (process.waitFor() != 0) {
                throw new VmmException("the machine that sets up the disk failed: " + output.strip());
            }
        } catch (IOException e) {
            throw new VmmException("cannot run " + program + ": " + e.getMessage(), e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new VmmException("interrupted while the disk was set up", e);
        }
    }
}
