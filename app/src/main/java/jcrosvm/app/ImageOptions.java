package jcrosvm.app;

import jcrosvm.config.Arguments;
import jcrosvm.config.Option;
import jcrosvm.config.UsageException;
import jcrosvm.disk.Backing;
import jcrosvm.disk.DiskFormat;
import jcrosvm.disk.DiskOptions;

/** What the commands for disk images have in common: what an image is, and which others it may name. */
final class ImageOptions {
    static final Option<String> FORMAT = format("format", "What the image is");
    static final Option<Backing> BACKING = Option.structured(
            "backing",
            Backing.class,
            "own-folder|any",
            "Which other files an image may name if its format is not given: those below its own folder (default), or"
                    + " any.");

    private ImageOptions() {}

    static Option<String> format(String name, String help) {
        return Option.word(
                name,
                String.class,
                "FORMAT",
                help + ": raw, qcow2, composite, android-sparse or zstd (default: told from its first bytes).");
    }

    /** These options, as far as the user gave them. */
    static DiskOptions read(Arguments arguments, Option<String> format, DiskOptions otherwise) {
        String name = arguments.value(format);
        return otherwise
                .withFormat(name == null ? null : named("option --" + format.name(), name))
                .withBacking(backing(arguments));
    }

    static Backing backing(Arguments arguments) {
        Backing backing = arguments.value(BACKING);
        return backing == null ? Backing.OWN_FOLDER : backing;
    }

    /** @param where a user wrote it */
    static DiskFormat named(String where, String name) {
        return DiskFormat.named(name)
                .orElseThrow(() ->
                        new UsageException(where + ": there is no format '" + name + "', only " + DiskFormat.names()));
    }
}
