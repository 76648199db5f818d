package jcrosvm.app;

import java.nio.file.Path;
import java.time.Instant;
import java.util.List;
import jcrosvm.config.Arguments;
import jcrosvm.config.ByteSize;
import jcrosvm.config.JsonReader;
import jcrosvm.config.JsonWriter;
import jcrosvm.config.Option;
import jcrosvm.config.Syntax;
import jcrosvm.disk.DiskFormat;
import jcrosvm.disk.DiskOptions;
import jcrosvm.disk.ImageSummary;
import jcrosvm.disk.qcow2.Qcow2Summary;
import org.jspecify.annotations.Nullable;

/** {@code disk info}: says what an image is. */
final class DiskInfoCommand extends Command {
    private static final Option<Boolean> JSON =
            Option.flag("json", "Print JSON, with the keys of qemu-img info where there are such.");

    @Override
    Syntax syntax() {
        return new Syntax(
                "jcrosvm disk info",
                "Says what an image is. It may be in use.",
                List.of(new Option.Group("Options", List.of(JSON, ImageOptions.FORMAT, ImageOptions.BACKING))),
                List.of(new Syntax.Positional("PATH", null, true, "The image.")));
    }

    @Override
    int run(Arguments arguments, boolean isExtended) {
        Path path = CommandWords.path(arguments, 0);
        ImageSummary info =
                ImageSummary.of(path, ImageOptions.read(arguments, ImageOptions.FORMAT, DiskOptions.READ_ONLY));
        StringBuilder out = new StringBuilder();
        if (arguments.has(JSON)) {
            json(out, info);
            System.out.println(JsonWriter.pretty(JsonReader.parse(out.toString())));
        } else {
            text(out, info, "");
            System.out.print(out);
        }
        System.out.flush();
        return ExitCode.SUCCESS;
    }

    private static void text(StringBuilder out, ImageSummary info, String indent) {
        line(out, indent, "image", info.path().toString());
        line(out, indent, "format", info.format().toString());
        line(out, indent, "virtual size", size(info.length()));
        line(out, indent, "allocated", size(info.allocated()));
        if (info.qcow2().isPresent()) {
            text(out, info.qcow2().get(), indent);
        }
        if (info.problem().isPresent()) {
            line(out, indent, "problem", info.problem().get());
        }
        for (ImageSummary below : info.below()) {
            out.append(indent)
                    .append(info.format() == DiskFormat.QCOW2 ? "backing file" : "part")
                    .append(":\n");
            text(out, below, indent + "  ");
        }
    }

    private static void text(StringBuilder out, Qcow2Summary info, String indent) {
        line(out, indent, "version", Integer.toString(info.version()));
        line(out, indent, "cluster size", size(info.clusterSize()));
        line(out, indent, "refcount bits", Integer.toString(info.refcountBits()));
        line(out, indent, "compression", info.compression());
        line(out, indent, "lazy refcounts", Boolean.toString(info.lazyRefcounts()));
        line(out, indent, "dirty", Boolean.toString(info.dirty()));
        line(out, indent, "corrupt", Boolean.toString(info.corrupt()));
        if (info.backing() != null) {
            line(out, indent, "backing file name", info.backing() + " (" + info.backingFormat() + ")");
        }
        for (Qcow2Summary.SavedState snapshot : info.snapshots()) {
            line(
                    out,
                    indent,
                    "snapshot",
                    snapshot.id() + " '" + snapshot.name() + "' " + snapshot.date() + ", machine state "
                            + size(snapshot.stateSize()));
        }
    }

    private static void line(StringBuilder out, String indent, String name, String value) {
        out.append(indent).append(name).append(": ").append(value).append('\n');
    }

    private static String size(long bytes) {
        String exact = ByteSize.format(bytes);
        return exact.equals(Long.toString(bytes)) ? exact : exact + " (" + bytes + ")";
    }

    private static void json(StringBuilder out, ImageSummary info) {
        out.append('{');
        key(out, "filename", info.path().toString());
        key(out, "format", info.format().toString());
        number(out, "virtual-size", info.length());
        number(out, "actual-size", info.allocated());
        if (info.qcow2().isPresent()) {
            json(out, info.qcow2().get());
        }
        if (info.problem().isPresent()) {
            key(out, "problem", info.problem().get());
        }
        if (!info.below().isEmpty()) {
            out.append(info.format() == DiskFormat.QCOW2 ? "\"backing\":[" : "\"parts\":[");
            for (ImageSummary below : info.below()) {
                json(out, below);
                out.append(',');
            }
            end(out, ']').append(',');
        }
        end(out, '}');
    }

    private static void json(StringBuilder out, Qcow2Summary info) {
        number(out, "cluster-size", info.clusterSize());
        literal(out, "dirty-flag", info.dirty());
        key(out, "backing-filename", info.backing());
        key(out, "backing-filename-format", info.backingFormat());
        if (!info.snapshots().isEmpty()) {
            out.append("\"snapshots\":[");
            for (Qcow2Summary.SavedState snapshot : info.snapshots()) {
                out.append('{');
                key(out, "id", snapshot.id());
                key(out, "name", snapshot.name());
                number(out, "vm-state-size", snapshot.stateSize());
                Instant date = snapshot.date();
                number(out, "date-sec", date.getEpochSecond());
                number(out, "date-nsec", date.getNano());
                end(out, '}').append(',');
            }
            end(out, ']').append(',');
        }
        out.append("\"format-specific\":{\"type\":\"qcow2\",\"data\":{");
        key(out, "compat", info.version() == 2 ? "0.10" : "1.1");
        key(out, "compression-type", info.compression());
        literal(out, "lazy-refcounts", info.lazyRefcounts());
        number(out, "refcount-bits", info.refcountBits());
        literal(out, "corrupt", info.corrupt());
        end(out, '}').append("},");
    }

    private static void key(StringBuilder out, String key, @Nullable String value) {
        if (value != null) {
            out.append('"').append(key).append("\":");
            JsonWriter.quote(out, value);
            out.append(',');
        }
    }

    private static void number(StringBuilder out, String key, long value) {
        out.append('"').append(key).append("\":").append(value).append(',');
    }

    private static void literal(StringBuilder out, String key, boolean value) {
        out.append('"').append(key).append("\":").append(value).append(',');
    }

    // In place of the last comma.
    private static StringBuilder end(StringBuilder out, char bracket) {
        if (out.charAt(out.length() - 1) == ',') {
            out.setLength(out.length() - 1);
        }
        return out.append(bracket);
    }
}
