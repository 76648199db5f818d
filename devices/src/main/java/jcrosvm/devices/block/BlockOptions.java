package jcrosvm.devices.block;

import java.nio.file.Path;
import java.util.List;
import jcrosvm.config.Arguments;
import jcrosvm.config.Option;
import jcrosvm.config.UsageException;
import jcrosvm.virtio.StandaloneOptions;

/** The options of {@code run} for disks. */
final class BlockOptions {
    private static final Option<BlockConfig> BLOCK = Option.structured(
                    "block", BlockConfig.class, "PATH[,KEY=VALUE,...]", "Disk image.")
            .withLetter('b')
            .repeatable();
    private static final Option<BlockConfig> DISK = old("disk", "Read-only disk image.", "--block PATH,ro")
            .withLetter('d')
            .repeatable();
    private static final Option<BlockConfig> RWDISK =
            old("rwdisk", "Writable disk image.", "--block PATH").repeatable();
    private static final Option<BlockConfig> ROOT = old(
                    "root", "Read-only disk image with the root file system.", "--block PATH,root,ro")
            .withLetter('r');
    private static final Option<BlockConfig> RWROOT =
            old("rwroot", "Writable disk image with the root file system.", "--block PATH,root");
    private static final Option<AsyncExecutor> ASYNC_EXECUTOR = Option.structured(
            "async-executor",
            AsyncExecutor.class,
            "epoll|uring",
            "How disks without async-executor of their own carry requests out (default: uring with"
                    + " direct where the host has it, otherwise epoll).");

    static final Option.Group GROUP =
            new Option.Group("Disks", List.of(BLOCK, DISK, RWDISK, ROOT, RWROOT, ASYNC_EXECUTOR));

    private static final Option<String> FILE = Option.word(
            "file", String.class, "PATH[:read-only]", "Disk image; exactly one of --file and --config is needed.");
    private static final Option<BlockConfig> CONFIG = Option.structured(
            "config", BlockConfig.class, "PATH[,KEY=VALUE,...]", "Disk image, with the keys of run --block.");
    private static final String READ_ONLY = ":read-only";

    static final StandaloneOptions<BlockConfig> STANDALONE =
            StandaloneOptions.single(List.of(FILE, CONFIG), BLOCK.name(), BlockOptions::readStandalone);

    private BlockOptions() {}

    private static BlockConfig readStandalone(Arguments arguments) {
        String file = arguments.value(FILE);
        BlockConfig config = arguments.value(CONFIG);
        if (file != null && config == null) {
            boolean isReadOnly = file.endsWith(READ_ONLY);
            String path = isReadOnly ? file.substring(0, file.length() - READ_ONLY.length()) : file;
            return BlockConfig.of(Path.of(path)).with(disk -> disk.ro = isReadOnly);
        }
        if (config != null && file == null) {
            return config;
        }
        throw new UsageException("exactly one of --file and --config is needed");
    }

    private static Option<BlockConfig> old(String name, String help, String replacement) {
        return Option.structured(name, BlockConfig.class, "PATH[,KEY=VALUE,...]", help)
                .deprecated(replacement);
    }

    /** All disks in the order of the command line, which is the order of their letters. */
    static List<BlockConfig> read(Arguments arguments) {
        AsyncExecutor executor = arguments.value(ASYNC_EXECUTOR);
        return arguments.inOrder(List.of(BLOCK, DISK, RWDISK, ROOT, RWROOT)).stream()
                .map(choice -> read(choice.option(), choice.value()))
                .map(config -> config.asyncExecutor() == null && executor != null
                        ? config.with(to -> to.asyncExecutor = executor)
                        : config)
                .toList();
    }

    private static BlockConfig read(Option<BlockConfig> option, BlockConfig config) {
        if (option.equals(BLOCK)) {
            return config;
        }
        return config.with(to -> {
            to.ro = option.equals(DISK) || option.equals(ROOT);
            to.root = option.equals(ROOT) || option.equals(RWROOT);
        });
    }
}
