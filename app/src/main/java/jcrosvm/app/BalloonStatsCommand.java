package jcrosvm.app;

import jcrosvm.config.Arguments;
import jcrosvm.config.JsonWriter;
import jcrosvm.config.Syntax;
import jcrosvm.config.Value;
import jcrosvm.control.Reply;
import jcrosvm.vmm.VmRequest;
import org.jspecify.annotations.Nullable;

/** {@code balloon_stats}: prints what a guest says of its memory. */
final class BalloonStatsCommand extends SocketCommand {
    @Override
    Syntax syntax() {
        return syntax("balloon_stats", "Prints the guest's memory statistics and the size of the balloon as JSON.");
    }

    @Override
    VmRequest request(Arguments arguments) {
        return new VmRequest("BalloonCommand", Value.string("Stats"));
    }

    @Override
    @Nullable
    String output(Reply reply) {
        return reply instanceof Reply.Answer(Value.Group group)
                        && group.entries().size() == 1
                        && "BalloonStats".equals(group.entries().getFirst().key())
                ? JsonWriter.pretty(group) + "\n"
                : null;
    }
}
