package jcrosvm.virtio;

import java.util.List;
import java.util.concurrent.CompletionStage;
import jcrosvm.config.Value;

/**
 * A request of the control socket that a kind of device answers.
 *
 * @param name key of the request in JSON: {@code DiskCommand}
 */
public record ControlVerb(String name, Action action) {
    /** Carries a request out. */
    @FunctionalInterface
    public interface Action {
        /**
         * @param body what stands under the name
         * @param devices all of this kind, in order; none may be closed meanwhile
         * @return the reply as JSON, now or later: {@code "\"Ok\""} where there is nothing to say
         * @throws jcrosvm.base.OsException whose errno is the reply
         * @throws jcrosvm.config.ConfigException when the body is malformed
         */
        CompletionStage<String> perform(Value body, List<? extends VirtioDevice> devices);
    }
}
