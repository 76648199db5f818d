package jcrosvm.devices.snd;

import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import jcrosvm.config.ConfigException;
import jcrosvm.config.Value;
import jcrosvm.virtio.ControlVerb;

/** {@code SndCommand}: what the control socket asks of all sound cards together, in crosvm's words. */
final class SndCommand {
    static final ControlVerb VERB = ControlVerb.ofAll("SndCommand", SndCommand::muted);

    private SndCommand() {}

    /** What {@code {"MuteAll":B}} says. */
    static boolean muted(Value body) {
        if (body instanceof Value.Group group
                && group.entries().size() == 1
                && "MuteAll".equals(group.entries().getFirst().key())
                && group.entries().getFirst().value() instanceof Value.Text text
                && text.form() == Value.Form.JSON_LITERAL
                && (text.text().equals("true") || text.text().equals("false"))) {
            return text.text().equals("true");
        }
        throw new ConfigException("expected {\"MuteAll\":true} or {\"MuteAll\":false}", body.position());
    }

    static CompletionStage<Value> done() {
        return CompletableFuture.completedStage(ControlVerb.OK);
    }
}
