package jcrosvm.app;

import java.util.List;
import jcrosvm.base.VmmException;
import jcrosvm.config.Arguments;
import jcrosvm.config.Syntax;

/** {@code demo}: boots a small Linux. */
final class DemoCommand extends Command {
    @Override
    Syntax syntax() {
        return new Syntax(
                "jcrosvm demo",
                "Boots a small Linux: a shell on a terminal, otherwise a short script.",
                List.of(),
                List.of());
    }

    @Override
    int run(Arguments arguments, boolean isExtended) {
        throw new VmmException("the demo's guest is missing in this build");
    }
}
