package jcrosvm.app;

import java.nio.file.Path;
import java.util.List;
import jcrosvm.base.VmmException;
import jcrosvm.config.Arguments;
import jcrosvm.config.ConfigException;
import jcrosvm.config.JsonReader;
import jcrosvm.config.Numbers;
import jcrosvm.config.Option;
import jcrosvm.config.Syntax;
import jcrosvm.config.UsageException;
import jcrosvm.control.ControlClient;
import jcrosvm.control.Reply;
import jcrosvm.disk.DiskFile;
import jcrosvm.disk.DiskImages;
import jcrosvm.disk.DiskOptions;
import jcrosvm.vmm.VmRequest;

/** {@code disk resize}: makes an image, or with three words a disk of a running VM, longer or shorter. */
final class DiskResizeCommand extends Command {
    private static final int TIMEOUT_MILLIS = 60_000;
    private static final int MAX_INDEX = 1023;

    private static final Option<Boolean> SHRINK =
            Option.flag("shrink", "Allow an image to become shorter; what was at its end is lost.");

    @Override
    Syntax syntax() {
        return new Syntax(
                "jcrosvm disk resize",
                "Changes the length of an image that is not in use, or of a disk of a running VM.",
                List.of(new Option.Group("Options", List.of(SHRINK, ImageOptions.FORMAT, ImageOptions.BACKING))),
                List.of(
                        new Syntax.Positional(
                                "PATH|DISK_INDEX",
                                null,
                                true,
                                "The image; with VM_SOCKET, which of the VM's --block disks, counted from 0."),
                        new Syntax.Positional("NEW_SIZE", null, true, "Bytes, or with a suffix K, M, G or T."),
                        new Syntax.Positional(
                                "VM_SOCKET",
                                null,
                                false,
                                "Control socket of the VM: the path given to run --socket.")));
    }

    @Override
    int run(Arguments arguments, boolean isExtended) {
        long size = CommandWords.diskSize(arguments, 1);
        if (arguments.positional(2) != null) {
            return online(index(String.valueOf(arguments.positional(0))), size, CommandWords.path(arguments, 2));
        }
        Path path = CommandWords.path(arguments, 0);
        DiskOptions options = ImageOptions.read(arguments, ImageOptions.FORMAT, DiskOptions.DEFAULT);
        try (DiskFile disk = DiskImages.open(path, options)) {
            if (size < disk.length() && !arguments.has(SHRINK)) {
                throw new VmmException(path + " has " + disk.length() + " bytes; making it shorter loses what is at its"
                        + " end, and needs --shrink");
            }
            disk.resize(size);
            disk.flush();
        }
        return ExitCode.SUCCESS;
    }

    private static long index(String word) {
        try {
            return Numbers.parse(word, -1, 0, MAX_INDEX);
        } catch (ConfigException e) {
            throw new UsageException("invalid disk index '" + word + "': " + e.getMessage(), e);
        }
    }

    private static int online(long index, long size, Path socket) {
        try (ControlClient client = ControlClient.connect(socket)) {
            String body = "{\"disk_index\":" + index + ",\"command\":{\"Resize\":{\"new_size\":" + size + "}}}";
            Reply reply = client.send(new VmRequest("DiskCommand", JsonReader.parse(body)), TIMEOUT_MILLIS);
            if (reply instanceof Reply.Ok) {
                return ExitCode.SUCCESS;
            }
            System.out.println("unexpected response: " + reply);
            return ExitCode.FAILURE;
        }
    }
}
