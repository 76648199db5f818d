package jcrosvm.e2e;

import java.nio.file.Files;
import java.nio.file.Path;

/** Where the source tree is, whatever folder a test is started in. */
final class SourceTree {
    static final Path ROOT = find();

    private SourceTree() {}

    private static Path find() {
        Path folder = Path.of("").toAbsolutePath();
        while (!Files.exists(folder.resolve("jcrosvm"))) {
            folder = folder.getParent();
            if (folder == null) {
                throw new IllegalStateException("not started inside the source tree");
            }
        }
        return folder;
    }
}
