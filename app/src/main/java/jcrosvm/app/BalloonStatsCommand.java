package jcrosvm.app;

import jcrosvm.config.Arguments;
import jcrosvm.config.ConfigException;
import jcrosvm.config.JsonReader;
import jcrosvm.config.JsonWriter;
import jcrosvm.config.Syntax;
import jcrosvm.config.Value;
import jcrosvm.control.Reply;
import jcrosvm.control.Request;
import org.jspecify.annotations.Nullable;

/** {@code balloon_stats}: prints what a guest says of its memory. */
final class BalloonStatsCommand extends SocketCommand {
    @Override
    Syntax syntax() {
        return syntax("balloon_stats", "Prints the guest's memory statistics and the size of the balloon as JSON.");
    }

    @Override
    Request request(Arguments arguments) {
        return Request.Verb.of("BalloonCommand", "\"Stats\"");
    }

    @Override
    @Nullable
    String output(Reply reply) {
        try {
            if (reply instanceof Reply.Other(String json)
                    && JsonReader.parse(json) instanceof Value.Group group
                    && group.entries().size() == 1
                    && "BalloonStats".equals(group.entries().getFirst().key())) {
                return JsonWriter.pretty(group) + "\n";
            }
        } catch (ConfigException e) {
            return null;
        }
        return null;
    }
}
