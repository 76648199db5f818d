package jcrosvm.devices.balloon;

import java.util.concurrent.CompletionStage;
import jcrosvm.base.Errno;
import jcrosvm.base.OsException;
import jcrosvm.config.ConfigException;
import jcrosvm.config.Numbers;
import jcrosvm.config.Value;
import jcrosvm.virtio.ControlVerb;

/** {@code BalloonCommand}: what the control socket asks of the balloon, in crosvm's words. */
final class BalloonCommand {
    static final ControlVerb VERB = new ControlVerb("BalloonCommand", BalloonCommand::device);

    private BalloonCommand() {}

    private static int device(Value body, int count) {
        if (count == 0) {
            throw new OsException("this VM has no balloon", Errno.ENOTSUP);
        }
        return 0;
    }

    static CompletionStage<Value> perform(Value body, BalloonDevice balloon) {
        if (body instanceof Value.Text text && text.form() == Value.Form.JSON_STRING) {
            return switch (text.text()) {
                case "Stats" -> balloon.stats();
                case "WorkingSet" -> throw new OsException("the balloon's working set", Errno.ENOTSUP);
                default -> throw new ConfigException("unknown balloon command", text.position());
            };
        }
        if (body instanceof Value.Group group
                && group.entries().size() == 1
                && "Adjust".equals(group.entries().getFirst().key())
                && group.entries().getFirst().value() instanceof Value.Group fields) {
            return adjust(balloon, fields);
        }
        throw new ConfigException("expected \"Stats\" or {\"Adjust\":{...}}", body.position());
    }

    private static CompletionStage<Value> adjust(BalloonDevice balloon, Value.Group fields) {
        long bytes = -1;
        boolean wait = false;
        for (Value.Entry entry : fields.entries()) {
            if (!(entry.value() instanceof Value.Text text) || text.form() != Value.Form.JSON_LITERAL) {
                throw new ConfigException("expected a number or a boolean", entry.position());
            }
            switch (String.valueOf(entry.key())) {
                case "num_bytes" -> bytes = Numbers.parse(text.text(), text.position(), 0, Long.MAX_VALUE);
                case "wait_for_success" -> wait = text.text().equals("true");
                default -> throw new ConfigException("unknown key in Adjust", entry.position());
            }
        }
        if (bytes < 0) {
            throw new ConfigException("num_bytes is missing", fields.closing());
        }
        return balloon.adjust(bytes, wait);
    }
}
