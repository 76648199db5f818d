package jcrosvm.app;

import java.nio.file.Path;
import java.util.List;
import jcrosvm.base.VmmException;
import jcrosvm.config.Arguments;
import jcrosvm.config.Option;
import jcrosvm.config.Syntax;
import jcrosvm.config.UsageException;
import jcrosvm.disk.DiskOptions;
import jcrosvm.disk.ImagePaths;
import jcrosvm.disk.ImageSummary;
import jcrosvm.disk.qcow2.Qcow2Images;
import jcrosvm.disk.qcow2.Qcow2Options;
import jcrosvm.disk.raw.ImageFile;

/** {@code create_qcow2}: makes an image that is empty, or that differs in nothing yet from its backing file. */
final class CreateQcow2Command extends Command {
    private static final Option<String> BACKING_FILE = Option.word(
            "backing-file", String.class, "FILE", "The image whose content the new one shows until it is written.");

    private static final Option<String> BACKING_FORMAT =
            ImageOptions.format("backing-format", "What the backing file is");

    @Override
    Syntax syntax() {
        return new Syntax(
                "jcrosvm create_qcow2",
                "Makes a qcow2 image of a size, or over a backing file. A file that is there is replaced.",
                List.of(new Option.Group("Options", List.of(BACKING_FILE, BACKING_FORMAT, ImageOptions.BACKING))),
                List.of(
                        new Syntax.Positional("PATH", null, true, "The image to be made."),
                        new Syntax.Positional(
                                "SIZE",
                                null,
                                false,
                                "Length of the disk: bytes, or with a suffix K, M, G or T. Not with --backing-file.")));
    }

    @Override
    int run(Arguments arguments, boolean isExtended) {
        String backing = arguments.value(BACKING_FILE);
        boolean hasSize = arguments.positional(1) != null;
        if (hasSize == (backing != null)) {
            throw new UsageException("create_qcow2 needs either SIZE or --backing-file"
                    + (hasSize ? ", not both: a new image is as long as its backing file" : ""));
        }
        Path path = CommandWords.path(arguments, 0);
        Qcow2Options options = backing == null
                ? Qcow2Options.ofSize(CommandWords.diskSize(arguments, 1))
                : over(
                        path,
                        CommandWords.path(backing),
                        ImageOptions.read(arguments, BACKING_FORMAT, DiskOptions.READ_ONLY));
        try (ImageFile file = ImageFile.create(path)) {
            Qcow2Images.create(file, options);
        }
        return ExitCode.SUCCESS;
    }

    private static Qcow2Options over(Path path, Path backing, DiskOptions options) {
        ImageSummary info = ImageSummary.of(backing, options);
        if (info.problem().isPresent()) {
            throw new VmmException(info.problem().get());
        }
        return Qcow2Options.ofSize(info.length())
                .withBacking(ImagePaths.relative(path, backing), info.format().toString());
    }
}
