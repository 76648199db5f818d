package jcrosvm.app;

import java.util.List;
import jcrosvm.config.Arguments;
import jcrosvm.config.JsonReader;
import jcrosvm.config.Syntax;
import jcrosvm.config.UsageException;
import jcrosvm.vmm.VmRequest;

/** {@code snd mute-all}: silences all sound cards of a VM, or lets them sound again. */
final class MuteAllCommand extends SocketCommand {
    private static final Syntax.Positional MUTED =
            new Syntax.Positional("MUTED", null, true, "true to silence them, false to let them sound again.");

    @Override
    Syntax syntax() {
        return syntax("snd mute-all", "Silences all sound cards of a VM, or lets them sound again.", List.of(MUTED));
    }

    @Override
    VmRequest request(Arguments arguments) {
        String word = String.valueOf(arguments.positional(0));
        if (!word.equals("true") && !word.equals("false")) {
            throw new UsageException("invalid value '" + word + "' of MUTED: expected true or false");
        }
        return new VmRequest("SndCommand", JsonReader.parse("{\"MuteAll\":" + word + "}"));
    }
}
