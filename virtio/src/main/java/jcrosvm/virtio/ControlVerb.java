package jcrosvm.virtio;

import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.function.Consumer;
import jcrosvm.base.Errno;
import jcrosvm.base.OsException;
import jcrosvm.config.Value;

/**
 * A request of the control socket that a kind of device answers. The device carries it out ({@link
 * VirtioDevice#command}); here stands which device that is.
 *
 * @param name key of the request in JSON: {@code DiskCommand}
 */
public record ControlVerb(String name, Choice choice) {
    /** The reply to a request that was carried out, when there is nothing more to say. */
    public static final Value OK = Value.string("Ok");

    /** What a {@link Choice} gives for a request that is for every device of the kind. */
    public static final int EVERY = -1;

    /**
     * A request that every device of a kind carries out, also where there is none.
     *
     * @param check throws when the body is malformed
     */
    public static ControlVerb ofAll(String name, Consumer<Value> check) {
        return new ControlVerb(name, (body, count) -> {
            check.accept(body);
            return EVERY;
        });
    }

    /** Picks the device that a request is for. */
    @FunctionalInterface
    public interface Choice {
        /**
         * @param body what stands under the name
         * @param count one more than the highest number of a device of the kind; 0 when there is none
         * @return the device's number, or {@link #EVERY}
         * @throws jcrosvm.base.OsException whose errno is the reply, when there is no such device
         * @throws jcrosvm.config.ConfigException when the body is malformed
         */
        int device(Value body, int count);
    }

    /**
     * Has a request carried out.
     *
     * @param devices all of this kind, by number; none may be closed meanwhile
     * @return as {@link VirtioDevice#command}, which also says what is thrown
     */
    public CompletionStage<Value> perform(Value body, Map<Integer, ? extends VirtioDevice> devices) {
        int count =
                devices.keySet().stream().mapToInt(number -> number + 1).max().orElse(0);
        int number = choice.device(body, count);
        if (number == EVERY) {
            CompletionStage<Value> reply = CompletableFuture.completedStage(OK);
            for (VirtioDevice each : devices.values()) {
                reply = reply.thenCombine(each.command(name, body), (before, own) -> own);
            }
            return reply;
        }
        VirtioDevice device = devices.get(number);
        if (device == null) {
            throw new OsException("device " + number + " is not there any more", Errno.ENODEV);
        }
        return device.command(name, body);
    }
}
