/* What several gateways share by documents of the metastore, and each has to take up itself: active profiles, models
 * and cache pins. One thread looks every FOLLOW_PERIOD_MS, and at the start. `lock` guards `stopping`. */
#include "api/api_internal.h"

#include <pthread.h>

enum { FOLLOW_PERIOD_MS = 3000 };

struct lh_follower {
    const lh_app *app;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool stopping, started;
    pthread_t thread;
};

/* False: it is to stop. */
static bool follower_wait(lh_follower *follower) {
    const struct timespec until = lh_time_after_ms(FOLLOW_PERIOD_MS);
    pthread_mutex_lock(&follower->lock);
    while (!follower->stopping && pthread_cond_timedwait(&follower->changed, &follower->lock, &until) == 0) continue;
    bool go_on = !follower->stopping;
    pthread_mutex_unlock(&follower->lock);
    return go_on;
}

static void *follower_run(void *arg) {
    lh_follower *follower = arg;
    do {
        lh_error why = {0};
        lh_profiles_follow(follower->app);
        lh_code code = lh_models_follow(follower->app->models, &why);
        if (code != LH_OK)
            lh_log(LH_LOG_WARN, "models cannot be followed", "code", lh_code_name(code), "why", why.message, NULL);
        code = lh_cache_follow(follower->app->engine, &why);
        if (code != LH_OK)
            lh_log(LH_LOG_WARN, "pins cannot be read", "code", lh_code_name(code), "why", why.message, NULL);
    } while (follower_wait(follower));
    return NULL;
}

lh_code lh_follower_start(const lh_app *app, lh_follower **ret, lh_error *err) {
    lh_follower *follower = calloc(1, sizeof *follower);
    if (!follower) return lh_fail(err, LH_NO_MEMORY, "out of memory");
    pthread_mutex_init(&follower->lock, NULL);
    lh_cond_init(&follower->changed);
    follower->app = app;
    follower->started = pthread_create(&follower->thread, NULL, follower_run, follower) == 0;
    if (!follower->started) {
        lh_follower_free(follower);
        return lh_fail(err, LH_NO_MEMORY, "cannot start a thread");
    }
    *ret = follower;
    return LH_OK;
}

void lh_follower_free(lh_follower *follower) {
    if (!follower) return;
    pthread_mutex_lock(&follower->lock);
    follower->stopping = true;
    pthread_cond_broadcast(&follower->changed);
    pthread_mutex_unlock(&follower->lock);
    if (follower->started) pthread_join(follower->thread, NULL);
    pthread_cond_destroy(&follower->changed);
    pthread_mutex_destroy(&follower->lock);
    free(follower);
}
