package jcrosvm.boot.kernel;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import jcrosvm.boot.Boot;
import jcrosvm.boot.BootConfig;
import jcrosvm.boot.CpuSpeed;
import jcrosvm.boot.EntryState;
import jcrosvm.boot.Hardware;
import jcrosvm.boot.KernelUnpack;
import jcrosvm.boot.LoadedGuest;
import jcrosvm.boot.MemoryLayout;
import jcrosvm.boot.PciConfig;
import jcrosvm.memory.GuestMemory;

/** A guest's memory and what is loaded into it. */
final class Loading implements AutoCloseable {
    final MemoryLayout layout;
    final GuestMemory memory;
    private final Path folder;

    Loading(Path folder, long mib) {
        this.folder = folder;
        layout = MemoryLayout.of(mib << 20, PciConfig.defaults(), 40);
        memory = new GuestMemory(layout.ram(), GuestMemory.Options.DEFAULT);
    }

    Path file(String name, byte[] content) {
        try {
            return Files.write(folder.resolve(name), content);
        } catch (IOException e) {
            throw new AssertionError(e);
        }
    }

    BootConfig config(byte[] kernel) {
        return BootConfig.defaults()
                .withKernel(file("kernel", kernel))
                .withParams(List.of("quiet", "a=b"))
                .withUnpack(KernelUnpack.OFF);
    }

    LoadedGuest load(byte[] kernel) {
        return load(config(kernel));
    }

    LoadedGuest load(BootConfig config) {
        return Boot.load(memory, layout, Hardware.defaults(2), config, CpuSpeed.EMULATED);
    }

    EntryState entry(BootConfig config) {
        return load(config).entry().orElseThrow();
    }

    String text(long address) {
        StringBuilder text = new StringBuilder();
        for (long at = address; memory.getByte(at) != 0; at++) {
            text.append((char) memory.getByte(at));
        }
        return text.toString();
    }

    @Override
    public void close() {
        memory.close();
    }
}
