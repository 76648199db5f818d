package jcrosvm.app;

import java.lang.System.Logger.Level;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import jcrosvm.app.log.Log;
import jcrosvm.config.Arguments;
import jcrosvm.config.Option;
import jcrosvm.config.Syntax;
import jcrosvm.disk.DiskFormat;
import jcrosvm.disk.DiskImages;
import jcrosvm.disk.DiskOptions;
import jcrosvm.disk.ImageSummary;
import jcrosvm.disk.qcow2.Qcow2CheckResult;
import jcrosvm.disk.qcow2.Qcow2Images;
import jcrosvm.disk.raw.ImageFile;

/** {@code disk check}: looks for contradictions in an image that is not in use. */
final class DiskCheckCommand extends Command {
    // The same as qemu-img check's.
    private static final int CORRUPT = 2;
    private static final int LEAKS = 3;
    private static final int NOTHING_TO_CHECK = 63;

    private static final Option<Boolean> REPAIR =
            Option.flag("repair", "Give leaked space back, and rebuild the counts of an image that was not closed.");

    @Override
    Syntax syntax() {
        return new Syntax(
                "jcrosvm disk check",
                "Looks for contradictions in an image that is not in use. Exit codes: 0 none, 1 it could not be checked, 2"
                        + " it is corrupt, 3 it leaks space, 63 its format has nothing that could be checked.",
                List.of(new Option.Group("Options", List.of(REPAIR, ImageOptions.FORMAT, ImageOptions.BACKING))),
                List.of(new Syntax.Positional("PATH", null, true, "The image.")));
    }

    @Override
    int run(Arguments arguments, boolean isExtended) {
        Path path = CommandWords.path(arguments, 0);
        boolean repair = arguments.has(REPAIR);
        DiskOptions options =
                ImageOptions.read(arguments, ImageOptions.FORMAT, repair ? DiskOptions.DEFAULT : DiskOptions.READ_ONLY);
        ImageSummary info = ImageSummary.of(path, options);
        if (info.format() == DiskFormat.QCOW2) {
            return qcow2(path, repair, info, options);
        }
        if (info.format() == DiskFormat.RAW) {
            Log.write(Level.ERROR, "a raw image has nothing that could be checked");
            return NOTHING_TO_CHECK;
        }
        // These are checked as they are opened; it has been, or this line would not be reached.
        DiskImages.open(path, options.withReadOnly(true)).close();
        System.out.println("No errors were found in the list of what the image holds.");
        return ExitCode.SUCCESS;
    }

    private static int qcow2(Path path, boolean repair, ImageSummary info, DiskOptions options) {
        boolean dirty = info.qcow2().isPresent() && info.qcow2().get().dirty();
        if (repair && dirty) {
            DiskImages.open(path, options).close(); // which brings it in order
        }
        Qcow2CheckResult result;
        try (ImageFile file = ImageFile.open(path, options)) {
            result = Qcow2Images.check(file, repair);
        }
        if (repair && result.leaksFixed() > 0) {
            System.out.println(result.leaksFixed() + " leaked clusters were given back.");
        }
        Optional<String> found = Optional.empty();
        if (result.corruptions() > 0) {
            found = Optional.of(
                    result.corruptions() + " errors were found on the image; data may be lost, or be lost when"
                            + " it is written. Copy it, then try qemu-img check -r all.");
        } else if (result.leaks() > 0) {
            found = Optional.of(result.leaks() + " leaked clusters were found on the image. They waste space, but do no"
                    + " harm; --repair gives them back.");
        }
        System.out.println(found.orElse("No errors were found on the image."));
        System.out.println(result.allocatedClusters() + " of " + result.totalClusters() + " clusters are allocated.");
        return result.corruptions() > 0 ? CORRUPT : result.leaks() > 0 ? LEAKS : ExitCode.SUCCESS;
    }
}
