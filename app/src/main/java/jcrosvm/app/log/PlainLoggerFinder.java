package jcrosvm.app.log;

import java.util.ResourceBundle;
import org.jspecify.annotations.Nullable;

/** Makes the program's loggers; found by the JDK as a service. */
public final class PlainLoggerFinder extends System.LoggerFinder {
    @Override
    public System.Logger getLogger(String name, Module module) {
        return new PlainLogger(name);
    }

    /** A logger without state of its own. */
    private record PlainLogger(String name) implements System.Logger {
        @Override
        public String getName() {
            return name;
        }

        @Override
        public boolean isLoggable(Level level) {
            return Log.isShown(name, level);
        }

        @Override
        public void log(
                Level level, @Nullable ResourceBundle bundle, @Nullable String message, @Nullable Throwable thrown) {
            if (isLoggable(level)) {
                Log.write(level, withTrace(level, String.valueOf(message), thrown));
            }
        }

        // The stack helps to find a defect; it is one line so that lines stay messages.
        private String withTrace(Level level, String message, @Nullable Throwable thrown) {
            if (thrown == null) {
                return message;
            }
            StringBuilder out = new StringBuilder(message).append(": ").append(thrown);
            if (level == Level.ERROR || Log.isShown(name, Level.DEBUG)) {
                for (StackTraceElement frame : thrown.getStackTrace()) {
                    out.append(" < ").append(frame);
                }
            }
            return out.toString();
        }

        @Override
        public void log(
                Level level, @Nullable ResourceBundle bundle, @Nullable String format, @Nullable Object... params) {
            if (isLoggable(level)) {
                Log.write(level, fill(String.valueOf(format), params));
            }
        }
    }

    /** Replaces {@code {0}} and so on; the rest of MessageFormat's syntax is not worth its classes at start-up. */
    static String fill(String format, @Nullable Object @Nullable [] params) {
        if (params == null || params.length == 0) {
            return format;
        }
        StringBuilder out = new StringBuilder(format.length() + 32);
        for (int i = 0; i < format.length(); i++) {
            char c = format.charAt(i);
            int digit = c == '{' && i + 2 < format.length() && format.charAt(i + 2) == '}'
                    ? Character.digit(format.charAt(i + 1), 10)
                    : -1;
            if (digit >= 0 && digit < params.length) {
                out.append(params[digit]);
                i += 2;
            } else {
                out.append(c);
            }
        }
        return out.toString();
    }
}
