package jcrosvm.app;

import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import java.util.regex.Pattern;
import jcrosvm.config.Arguments;
import jcrosvm.config.Option;
import jcrosvm.config.Syntax;
import jcrosvm.config.UsageException;
import jcrosvm.disk.DiskFormat;
import jcrosvm.disk.composite.CompositeImages;
import jcrosvm.disk.composite.CompositeImages.Partition;

/** {@code create_composite}: makes a disk whose partitions are other images. */
final class CreateCompositeCommand extends Command {
    private static final Pattern GUID =
            Pattern.compile("[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}");

    private static final String FORMAT = "format=";

    @Override
    Syntax syntax() {
        return new Syntax(
                "jcrosvm create_composite",
                "Makes a composite disk: a partition table and partitions that are images of their own. Writes PATH and,"
                        + " beside it, PATH.header, PATH.footer and PATH.filler.",
                List.of(new Option.Group("Options", List.of(ImageOptions.BACKING))),
                List.of(
                        new Syntax.Positional("PATH", null, true, "The disk to be made."),
                        new Syntax.Positional(
                                "LABEL:PARTITION[:writable][:format=FORMAT][:GUID]...",
                                null,
                                true,
                                "A partition: its label, the image that holds it, whether guests may write to it,"
                                        + " what the image is (default: told from its first bytes whenever the disk is"
                                        + " opened), and its GUID (a random one if not given). Can be repeated.")));
    }

    @Override
    int run(Arguments arguments, boolean isExtended) {
        List<String> words = arguments.positionals();
        List<Partition> partitions = new ArrayList<>();
        for (String word : words.subList(1, words.size())) {
            partitions.add(partition(word));
        }
        CompositeImages.create(
                CommandWords.path(arguments, 0), UUID.randomUUID(), partitions, ImageOptions.backing(arguments));
        return ExitCode.SUCCESS;
    }

    private static Partition partition(String word) {
        String[] fields = word.split(":", -1);
        if (fields.length < 2) {
            throw new UsageException(
                    "partition '" + word + "' must be LABEL:PARTITION[:writable][:format=FORMAT][:GUID]");
        }
        int next = 2;
        boolean writable = next < fields.length && fields[next].equals("writable");
        if (writable) {
            next++;
        }
        DiskFormat format = null;
        if (next < fields.length && fields[next].startsWith(FORMAT)) {
            format = ImageOptions.named("partition '" + word + "'", fields[next++].substring(FORMAT.length()));
        }
        UUID guid = next < fields.length ? guid(word, fields[next++]) : UUID.randomUUID();
        if (next < fields.length) {
            throw new UsageException("partition '" + word + "' has too many fields; it must be"
                    + " LABEL:PARTITION[:writable][:format=FORMAT][:GUID]");
        }
        return new Partition(fields[0], CommandWords.path(fields[1]), writable, guid, format);
    }

    private static UUID guid(String word, String text) {
        if (!GUID.matcher(text).matches()) {
            throw new UsageException("partition '" + word + "': '" + text
                    + "' is neither 'writable', format=FORMAT nor a GUID such as " + UUID.randomUUID());
        }
        return UUID.fromString(text);
    }
}
